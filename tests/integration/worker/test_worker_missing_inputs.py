"""Parallel recipes that do without inputs which cannot be fetched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_shared.errors import InputNotFoundError, OgdcError, PublishError, SourceUnavailableError
from ogdc_shared.plan import Checksum, InputFile
from ogdc_worker.fetch import download
from ogdc_worker.missing_items import add_up_missing
from support.http import Answer, FileServer
from support.partition import PartitionTask
from support.trees import plant, tree

COPY = 'cp "$INPUT_FILE" "$OUTPUT_FILE"'


@pytest.fixture
def task(tmp_path: Path) -> PartitionTask:
    return PartitionTask(tmp_path / "task")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.0)
    plant(tmp_path / "served", {f"{name}.csv": name.encode() for name in "abcd"})
    with FileServer(tmp_path / "served") as server:
        yield server


def prepare(task: PartitionTask, server: FileServer, *names: str, allowed: str) -> None:
    files = tuple(InputFile(f"{server.url}/{name}") for name in names)
    task.prepare(COPY, COPY, files=files, per_file=True, allowed_failures=allowed)


def test_a_missing_input_counts_as_a_failed_item(
    task: PartitionTask, server: FileServer, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare(task, server, "a.csv", "gone.csv", "c.csv", allowed="1")
    task.run()
    assert set(tree(task.outputs)) == {"a.csv", "c.csv"}
    account = add_up_missing([str(task.workspace)], "1")
    assert account.items == 3
    (missing,) = account.missing
    assert missing[:4] == ("gone.csv", None, None, None)
    assert "404" in missing.reason
    with pytest.raises(PublishError, match=r"1 of 3 items failed: 'gone.csv' \(fetching it\)"):
        add_up_missing([str(task.workspace)], "33%")
    failures = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"fetch_failed"' in line]
    assert [event["source"] for event in failures] == [f"{server.url}/gone.csv"]


def test_one_more_than_the_number_allowed_fails_the_task(task: PartitionTask, server: FileServer) -> None:
    prepare(task, server, "a.csv", "gone1.csv", "gone2.csv", allowed="1")
    with pytest.raises(InputNotFoundError, match=r"gone\d\.csv"):
        task.run()


def test_a_failing_command_counts_beside_a_missing_input(task: PartitionTask, server: FileServer) -> None:
    files = tuple(InputFile(f"{server.url}/{name}") for name in ("a.csv", "b.csv", "gone.csv"))
    fails = 'case "$INPUT_FILE" in */b.csv) exit 3;; esac; '
    task.prepare(fails + COPY, files=files, per_file=True, allowed_failures="1")
    with pytest.raises(OgdcError, match=r"b\.csv"):
        task.run()
    task.prepare(fails + COPY, files=files, per_file=True, allowed_failures="2")
    task.run()
    assert set(tree(task.outputs)) == {"a.csv"}


def test_an_item_with_a_missing_input_is_missing_completely(task: PartitionTask, server: FileServer) -> None:
    plant(server.directory, {"lakes.shp": b"1", "lakes.shx": b"2"})
    prepare(task, server, "a.csv", "lakes.shp", "lakes.shx", "lakes.dbf", allowed="50%")
    task.run()
    assert set(tree(task.outputs)) == {"a.csv"}
    account = add_up_missing([str(task.workspace)], "50%")
    assert (account.items, [one.item for one in account.missing]) == (2, ["lakes.shp"])


def test_a_directory_with_a_missing_file_is_missing_completely(
    task: PartitionTask, server: FileServer
) -> None:
    plant(server.directory, {".zarray": b"1", "0.0": b"2"})
    files = tuple(
        InputFile(f"{server.url}/{name}", directory="x.zarr/band") for name in (".zarray", "0.0", "0.1")
    )
    task.prepare(
        'cp -r "$INPUT_FILE" "$OUTPUT_FILE"',
        files=(*files, InputFile(f"{server.url}/a.csv")),
        per_file=True,
        allowed_failures="50%",
    )
    task.run()
    assert set(tree(task.outputs)) == {"a.csv"}
    account = add_up_missing([str(task.workspace)], "50%")
    assert (account.items, [one.item for one in account.missing]) == (2, ["x.zarr"])


def test_a_companion_stays_with_its_other_item_and_is_missing_in_both(
    task: PartitionTask, server: FileServer
) -> None:
    names = ("lakes.asc", "lakes.shp", "lakes.dbf", "lakes.prj")
    plant(server.directory, {"lakes.asc": b"1", "lakes.shp": b"2", "lakes.prj": b"3"})
    files = tuple(InputFile(f"{server.url}/{name}") for name in names)
    task.prepare(
        'cp "${INPUT_FILE%.*}.prj" "$OUTPUT_FILE"', files=files, per_file=True, allowed_failures="50%"
    )
    task.run()
    assert tree(task.outputs) == {"lakes.asc": b"3"}
    (server.directory / "lakes.prj").unlink()
    files += (InputFile(f"{server.url}/a.csv"),)
    task.prepare(COPY, files=files, per_file=True, allowed_failures="90%")
    task.run()
    assert set(tree(task.outputs)) == {"a.csv"}


def test_a_damaged_input_counts_as_a_failed_item(task: PartitionTask, server: FileServer) -> None:
    wrong = Checksum("sha256", hashlib.sha256(b"other").hexdigest())
    files = (InputFile(f"{server.url}/a.csv"), InputFile(f"{server.url}/b.csv", checksum=wrong))
    task.prepare(COPY, files=files, per_file=True, allowed_failures="50%")
    task.run()
    assert set(tree(task.outputs)) == {"a.csv"}


def test_unreachable_inputs_count_only_up_to_the_allowed_percentage(
    task: PartitionTask, server: FileServer
) -> None:
    for name in ("away1", "away2"):
        server.routes[f"/{name}.csv"] = lambda _: Answer(status=503)
    prepare(task, server, "a.csv", "b.csv", "c.csv", "away1.csv", allowed="25%")
    task.run()
    assert set(tree(task.outputs)) == {"a.csv", "b.csv", "c.csv"}
    prepare(task, server, "a.csv", "b.csv", "away1.csv", "away2.csv", allowed="25%")
    with pytest.raises(SourceUnavailableError):
        task.run()


def test_a_retry_counts_missing_inputs_again(task: PartitionTask, server: FileServer) -> None:
    prepare(task, server, "a.csv", "late.csv", "gone.csv", allowed="1")
    with pytest.raises(InputNotFoundError):
        task.run()
    plant(server.directory, {"late.csv": b"here", "gone.csv": b"as well"})
    task.run()
    assert set(tree(task.outputs)) == {"a.csv", "late.csv", "gone.csv"}
    assert add_up_missing([str(task.workspace)], "0").missing == ()


def test_all_inputs_of_a_partition_may_be_missing(task: PartitionTask, server: FileServer) -> None:
    prepare(task, server, "gone.csv", allowed="1")
    task.run()
    assert tree(task.outputs) == {}
    assert add_up_missing([str(task.workspace)], "1").items == 1
