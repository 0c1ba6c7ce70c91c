"""A fetching container of which nobody hears but the container that follows it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_shared import layout
from ogdc_shared.errors import CommandFailedError, InputNotFoundError, SourceUnavailableError
from ogdc_shared.plan import InputFile
from ogdc_worker.fetch import download
from support.http import Answer, FileServer
from support.partition import PartitionTask
from support.trees import plant, tree


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    plant(tmp_path / "served", {"a.csv": b"1,2"})
    with FileServer(tmp_path / "served") as server:
        yield server


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PartitionTask:
    monkeypatch.setenv(layout.DEFERRED, "true")
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.0)
    return PartitionTask(tmp_path / "task")


def run(task: PartitionTask, monkeypatch: pytest.MonkeyPatch, *phases: str) -> None:
    for phase in phases or (layout.FETCHING, layout.RUNNING):
        monkeypatch.setenv(layout.PHASE, phase)
        task.run()


def test_the_second_container_goes_on_and_tells_the_log_of_the_first(
    task: PartitionTask,
    server: FileServer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    task.prepare("cp /dev/null $OUTPUT_DIR/b; cp $INPUT_DIR/* $OUTPUT_DIR", files=(url(server, "a.csv"),))
    run(task, monkeypatch, layout.FETCHING)
    assert tree(task.workspace / "input_dir") == {"a.csv": b"1,2"}
    capfd.readouterr()
    run(task, monkeypatch, layout.RUNNING)
    assert tree(task.outputs) == {"a.csv": b"1,2", "b": b""}
    assert capfd.readouterr().out.count('"event": "fetched"') == 1
    assert len(server.requests) == 1


def test_only_the_second_container_reports_what_failed_before(
    task: PartitionTask,
    server: FileServer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    task.prepare("false", files=(url(server, "a.csv"),))
    for _ in range(2):
        with pytest.raises(CommandFailedError):
            run(task, monkeypatch)
    assert capfd.readouterr().out.count('"event": "failed_before"') == 1


@pytest.mark.parametrize(("status", "error"), [(404, InputNotFoundError), (503, SourceUnavailableError)])
def test_the_second_container_fails_as_the_first_one_did(
    task: PartitionTask,
    server: FileServer,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    error: type[Exception],
) -> None:
    server.routes["/a.csv"] = lambda _: Answer(status=status)
    task.prepare("touch $OUTPUT_DIR/ran", files=(url(server, "a.csv"),))
    run(task, monkeypatch, layout.FETCHING)
    with pytest.raises(error, match=rf"a\.csv'.*{status}"):
        run(task, monkeypatch, layout.RUNNING)
    assert tree(task.outputs) == {}


def test_another_try_fetches_anew_and_forgets_the_failure(
    task: PartitionTask, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    task.prepare("cp $INPUT_DIR/* $OUTPUT_DIR", files=(url(server, "late.csv"),))
    with pytest.raises(InputNotFoundError):
        run(task, monkeypatch)
    plant(server.directory, {"late.csv": b"here"})
    run(task, monkeypatch)
    assert tree(task.outputs) == {"late.csv": b"here"}


def test_nothing_is_written_through_a_link_that_a_command_left(
    task: PartitionTask, server: FileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plant(tmp_path, {"precious": b"1"})
    task.prepare("true", files=(url(server, "gone.csv"),))
    for name in ("fetch.log", "fetch-failure.json"):
        os.symlink(tmp_path / "precious", task.workspace / name)
    run(task, monkeypatch, layout.FETCHING)
    assert (tmp_path / "precious").read_bytes() == b"1"


def url(server: FileServer, name: str) -> InputFile:
    return InputFile(f"{server.url}/{name}")
