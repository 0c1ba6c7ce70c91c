"""Publishing: all of a result, in one step, whatever interrupts it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from ogdc_shared import layout
from ogdc_shared.errors import AlreadyPublishedError, PublishError
from ogdc_shared.removal import remove
from ogdc_shared.run_warnings import one_warning, read_warnings
from ogdc_worker.missing_items import Missing, note
from ogdc_worker.publish import result
from ogdc_worker.publish.publication import Publication
from ogdc_worker.publish.result import publish
from ogdc_worker.report import Reporter
from ogdc_worker.stops import STOPS, Stopped
from ogdc_worker.warning_files import leave_warnings
from support.crashes import crashes
from support.trees import dig, plant, tree
from support.users import as_ordinary_user

RUN = "seal-tags-abcdefghij"
RESULT: dict[str, bytes | str | None] = {
    ".hidden": b"dot",
    "deep": None,
    "deep/.er": None,
    "deep/.er/a.tif": b"a" * 1000,
    "deep/b.tif": b"b",
    "empty": None,
    "latest.tif": "deep/b.tif",
    "naïve name; $(x).csv": b"1,2",
}


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    (tmp_path / "volume").mkdir()
    return tmp_path / "volume"


@pytest.fixture
def publication(volume: Path, tmp_path: Path) -> Publication:
    return Publication(
        run=RUN,
        recipe_id="seal-tags",
        partitions=1,
        output="pvc",
        volume=str(volume),
        zip_path=str(tmp_path / "output.zip"),
        warnings_path=str(tmp_path / "warnings"),
    )


def leave(volume: Path, content: dict[str, bytes | str | None], *, partition: int = 0) -> Path:
    """What a partition's last command wrote."""
    output = volume / layout.partition_workspace(RUN, partition) / "output_dir"
    plant(output, content)
    return output


def private_files(volume: Path) -> list[str]:
    return [name for name, value in tree(volume / layout.PRIVATE_DIR).items() if value is not None]


@pytest.mark.parametrize("output", ["pvc", "temporary"])
def test_names_of_two_partitions_that_are_one_elsewhere_cause_a_warning(
    volume: Path, publication: Publication, output: str
) -> None:
    leave(volume, {"a": None, "a/Map.csv": b"1"})
    leave(volume, {"A": None, "a": None, "a/map.csv": b"2"}, partition=1)
    reporter = Reporter()
    publish(publication._replace(partitions=2, output=output), reporter)
    assert reporter.warnings is not None
    (warning,) = reporter.warnings.first
    assert warning.kind == "odd_name"
    assert "partitions 0 and 1 left 'a/Map.csv' and 'a/map.csv'" in warning.message


def test_everything_is_published_and_nothing_else_left(volume: Path, publication: Publication) -> None:
    leave(volume, RESULT)
    publish(publication, Reporter())
    assert tree(volume / "seal-tags") == RESULT
    assert private_files(volume) == ["published/seal-tags.json", "published/seal-tags.json.lock"]
    assert json.loads((volume / layout.receipt("seal-tags")).read_text())["run"] == RUN


def test_modes_and_times_are_kept(volume: Path, publication: Publication) -> None:
    output = leave(volume, {"tool.sh": b"#!/bin/sh"})
    (output / "tool.sh").chmod(0o755)
    os.utime(output / "tool.sh", (1_000_000_000, 1_000_000_000))
    publish(publication, Reporter())
    published = (volume / "seal-tags/tool.sh").stat()
    assert (stat.S_IMODE(published.st_mode), published.st_mtime) == (0o755, 1_000_000_000)


def test_partitions_are_merged(volume: Path, publication: Publication) -> None:
    leave(volume, {"tiles/1/a.png": b"a", "one.txt": b"1"}, partition=0)
    leave(volume, {"tiles/1/b.png": b"b", "tiles/2/c.png": b"c"}, partition=1)
    publish(publication._replace(partitions=2), Reporter())
    assert [name for name, value in tree(volume / "seal-tags").items() if value] == [
        "one.txt",
        "tiles/1/a.png",
        "tiles/1/b.png",
        "tiles/2/c.png",
    ]


@pytest.mark.parametrize("output", ["pvc", "temporary"])
@pytest.mark.parametrize(
    "other", [{"deep/b.tif": b"2"}, {"deep": b"a file"}, {"deep/b.tif/x": b"a directory"}]
)
def test_a_name_that_two_partitions_wrote_is_refused(
    volume: Path, publication: Publication, other: dict[str, bytes | str | None], output: str
) -> None:
    leave(volume, RESULT, partition=0)
    leave(volume, {"fine": b""}, partition=1)
    leave(volume, other, partition=2)
    before = tree(volume / layout.workspace(RUN))
    with pytest.raises(PublishError, match="partitions 0 and 2 both wrote 'deep"):
        publish(publication._replace(partitions=3, output=output), Reporter())
    assert tree(volume / layout.workspace(RUN)) == before
    assert not (volume / "seal-tags").exists()


def test_several_names_that_clash_are_named_at_once(volume: Path, publication: Publication) -> None:
    names = [f"tile_{number}.tif" for number in range(9)]
    leave(volume, dict.fromkeys(names, b"1"), partition=0)
    leave(volume, dict.fromkeys(names[:4], b"2"), partition=1)
    leave(volume, dict.fromkeys(names[4:], b"3"), partition=2)
    with pytest.raises(
        PublishError, match=r"same is true of .*\((0 and 1|0 and 2)\).* and 4 more\. Have"
    ) as refused:
        publish(publication._replace(partitions=3), Reporter())
    assert sum(repr(name) in str(refused.value) for name in names) == 5


@pytest.mark.parametrize("output", ["pvc", "temporary"])
@pytest.mark.parametrize("content", [{}, {"only": None, "only/directories": None}])
def test_an_empty_result_is_refused(
    volume: Path, publication: Publication, content: dict[str, bytes | str | None], output: str
) -> None:
    leave(volume, content)
    with pytest.raises(PublishError, match="nothing to publish"):
        publish(publication._replace(output=output), Reporter())
    assert not (volume / "seal-tags").exists()
    assert not Path(publication.zip_path).exists()


@pytest.mark.parametrize("output", ["pvc", "temporary"])
@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "../../../../../other/secret",
        "/output_dir/a",
        "nowhere",
        "p/q/up/../../../../../../other/secret",
    ],
)
def test_a_link_that_leads_elsewhere_is_refused(
    volume: Path, publication: Publication, target: str, output: str
) -> None:
    plant(volume / "other", {"secret": b""})
    leave(volume, {"a": b"", "p/q/up": "..", "link": target})
    with pytest.raises(PublishError, match="'link', a link to"):
        publish(publication._replace(output=output), Reporter())


@pytest.mark.parametrize("output", ["pvc", "temporary"])
def test_a_pipe_is_refused_at_once(volume: Path, publication: Publication, output: str) -> None:
    os.mkfifo(leave(volume, {"a": b""}) / "pipe")
    with pytest.raises(PublishError, match="'pipe', which is a pipe"):
        publish(publication._replace(output=output), Reporter())


@pytest.mark.parametrize("output", ["pvc", "temporary"])
def test_a_link_to_all_of_the_result_is_part_of_it(
    volume: Path, publication: Publication, output: str
) -> None:
    links = {"latest": ".", "p/up": ".."}
    leave(volume, {"a": b"", **links})
    publish(publication._replace(output=output), Reporter())

    result = volume / "seal-tags"
    if output == "temporary":
        assert os.system(f"unzip -q {publication.zip_path} -d {result}") == 0
    assert {name: target for name, target in tree(result).items() if isinstance(target, str)} == links


def test_several_things_that_are_no_part_of_a_result_are_named_at_once(
    volume: Path, publication: Publication
) -> None:
    links: dict[str, bytes | str | None] = {f"link{number}": "/etc/passwd" for number in range(7)}
    os.mkfifo(leave(volume, {"a": b"", **links}) / "pipe")
    with pytest.raises(PublishError, match=r"The same goes for '.*' and 2 more\."):
        publish(publication, Reporter())


def test_an_output_directory_swapped_for_a_link_takes_nobody_elses_data(
    volume: Path, publication: Publication
) -> None:
    plant(volume / "other-recipe", {"theirs.tif": b"theirs"})
    output = leave(volume, {})
    output.rmdir()
    output.symlink_to(volume / "other-recipe")
    with pytest.raises(PublishError, match="has no output directory"):
        publish(publication, Reporter())
    assert tree(volume / "other-recipe") == {"theirs.tif": b"theirs"}


def test_published_data_are_not_replaced_without_overwrite(volume: Path, publication: Publication) -> None:
    plant(volume / "seal-tags", {"old.tif": b"old"})
    leave(volume, RESULT)
    with pytest.raises(AlreadyPublishedError, match="seal-tags are published already, by an unknown run"):
        publish(publication, Reporter())
    assert tree(volume / "seal-tags") == {"old.tif": b"old"}


def test_overwrite_replaces_all_that_was_there(volume: Path, publication: Publication) -> None:
    plant(volume / "seal-tags", {"old.tif": b"old", "deep/old.tif": b"old"})
    leave(volume, RESULT)
    publish(publication._replace(overwrite=True), Reporter())
    assert tree(volume / "seal-tags") == RESULT
    assert private_files(volume) == ["published/seal-tags.json", "published/seal-tags.json.lock"]


def test_where_names_cannot_be_exchanged_what_was_there_is_moved_aside(
    volume: Path, publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result, "exchange", lambda *_: False)
    plant(volume / "seal-tags", {"old.tif": b"old"})
    leave(volume, RESULT)
    publish(publication._replace(overwrite=True), Reporter())
    assert tree(volume / "seal-tags") == RESULT
    assert private_files(volume) == ["published/seal-tags.json", "published/seal-tags.json.lock"]


def test_publishing_again_changes_nothing(volume: Path, publication: Publication) -> None:
    leave(volume, RESULT)
    publish(publication, Reporter())
    number = (volume / "seal-tags").stat().st_ino
    publish(publication, Reporter())
    assert tree(volume / "seal-tags") == RESULT
    assert (volume / "seal-tags").stat().st_ino == number


@pytest.fixture
def stops() -> Iterator[None]:
    """SIGTERM stops what runs, as in a worker."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    STOPS.handle()
    yield
    STOPS.handle()  # forgets what has arrived
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("stops")
@pytest.mark.parametrize(
    ("moment", "is_late"), [("_check_target", False), ("exchange", True), ("clear_away", True)]
)
def test_a_cancel_comes_before_the_result_is_visible_or_not_at_all(
    volume: Path, publication: Publication, monkeypatch: pytest.MonkeyPatch, moment: str, is_late: bool
) -> None:
    def stop(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments)

    original = getattr(result, moment)
    monkeypatch.setattr(result, moment, stop)
    plant(volume / "seal-tags", {"old.tif": b"old"})
    leave(volume, RESULT)
    with nullcontext() if is_late else pytest.raises(Stopped):
        publish(publication._replace(overwrite=True), Reporter())
    assert tree(volume / "seal-tags") == (RESULT if is_late else {"old.tif": b"old"})
    with pytest.raises(Stopped) if is_late else nullcontext():
        STOPS.release()


@pytest.mark.usefixtures("stops")
@pytest.mark.parametrize("asked_at", ["exchange", "clear_away"])
def test_a_publisher_that_is_stopped_does_not_go_on_removing_files(
    volume: Path, publication: Publication, monkeypatch: pytest.MonkeyPatch, asked_at: str
) -> None:
    """On a slow disk it would be killed, and the run would fail although its result is in place."""
    original = getattr(result, asked_at)

    def stop(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments)

    monkeypatch.setattr(result, asked_at, stop)
    plant(volume / "seal-tags", {"old.tif": b"old"})
    workspace = leave(volume, RESULT).parent
    publish(publication._replace(overwrite=True), Reporter())
    assert tree(volume / "seal-tags") == RESULT
    assert workspace.exists()


@pytest.mark.usefixtures("stops")
@pytest.mark.parametrize("is_again", [False, True])
def test_a_publisher_that_is_stopped_says_that_nothing_is_visible_only_if_that_is_true(
    volume: Path, publication: Publication, monkeypatch: pytest.MonkeyPatch, is_again: bool
) -> None:
    """A try that was killed may have made it visible."""
    leave(volume, RESULT)
    if is_again:
        publish(publication, Reporter())
        STOPS.handle()
    reporter = Reporter()
    monkeypatch.setattr(result, "open_locked", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Stopped):
        publish(publication, reporter)
    assert (layout.NOT_VISIBLE in reporter.doing) == (not is_again)


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_kill_at_any_moment_does_no_harm(volume: Path, publication: Publication, overwrite: bool) -> None:
    old: dict[str, bytes | str | None] = {"old.tif": b"old"}
    wanted = publication._replace(partitions=2, overwrite=overwrite)

    def prepare() -> None:
        os.system(f"rm -rf {volume}/* {volume}/.ogdc")
        leave(volume, {name: value for name, value in RESULT.items() if name != "deep/b.tif"} | {"b": b""})
        (volume / layout.partition_workspace(RUN, 0) / "output_dir/latest.tif").unlink()
        leave(volume, {"deep/b.tif": b"b", "empty/": None}, partition=1)
        if overwrite:
            plant(volume / "seal-tags", old)

    complete = {name: value for name, value in RESULT.items() if name != "latest.tif"} | {"b": b""}
    moments = 0
    for _ in crashes(prepare, lambda: publish(wanted, Reporter())):
        moments += 1
        if overwrite or (volume / "seal-tags").exists():
            assert tree(volume / "seal-tags") in (old, complete)
        publish(wanted, Reporter())
        assert tree(volume / "seal-tags") == complete
        assert private_files(volume) == ["published/seal-tags.json", "published/seal-tags.json.lock"]
    assert moments > 20


def leave_stages(volume: Path) -> None:
    """What a run of three stages leaves: tiles of the second one, and what lies above them of the third."""
    for stage, partition, left in (
        ("process", 0, {"block/part": b"no part of it"}),
        ("build", 0, {"result/tif/2/0.tif": b"0", "result/tif/1/0.tif": b"a", "roots/0": b"neither is this"}),
        ("build", 1, {"result/tif/2/1.tif": b"1"}),
        ("build", 2, {"roots/2": b"nor this"}),
        ("top", 0, {"tif/0/0.tif": b"top", "index.html": b"<html>"}),
    ):
        plant(volume / layout.partition_workspace(RUN, partition, stage) / "output_dir", dict(left))


THREE_STAGES: dict[str, bytes | str | None] = {
    "index.html": b"<html>",
    **{f"tif/{z}": None for z in range(3)},
    "tif": None,
    "tif/0/0.tif": b"top",
    "tif/1/0.tif": b"a",
    "tif/2/0.tif": b"0",
    "tif/2/1.tif": b"1",
}


@pytest.fixture
def staged(volume: Path, publication: Publication) -> Publication:
    leave_stages(volume)
    before = (("process", 1), ("build", 3))
    return publication._replace(stage="top", before=before, results=("build",))


def test_a_result_is_what_the_last_stage_left_and_the_results_of_others(
    volume: Path, staged: Publication
) -> None:
    publish(staged, Reporter())
    assert tree(volume / "seal-tags") == THREE_STAGES
    assert private_files(volume) == ["published/seal-tags.json", "published/seal-tags.json.lock"]


def test_a_zip_has_the_outputs_of_all_stages(staged: Publication) -> None:
    publish(staged._replace(output="temporary"), Reporter())
    with zipfile.ZipFile(staged.zip_path) as found:
        names = {name for name in found.namelist() if not name.endswith("/")}
    assert names == {name for name, content in THREE_STAGES.items() if content is not None}


def test_two_stages_that_wrote_one_name_are_named(volume: Path, staged: Publication) -> None:
    plant(volume / layout.partition_workspace(RUN, 1, "build") / "output_dir", {"result/index.html": b""})
    with pytest.raises(PublishError, match=r"partitions 0 of top and 1 of build both wrote 'index\.html'"):
        publish(staged, Reporter())


@pytest.mark.slow
def test_a_kill_among_stages_does_no_harm(volume: Path, staged: Publication) -> None:
    def prepare() -> None:
        os.system(f"rm -rf {volume}/* {volume}/.ogdc")
        leave_stages(volume)

    for _ in crashes(prepare, lambda: publish(staged, Reporter())):
        assert not (volume / "seal-tags").exists() or tree(volume / "seal-tags") == THREE_STAGES
        publish(staged, Reporter())
        assert tree(volume / "seal-tags") == THREE_STAGES


def test_the_target_is_never_seen_half_there(volume: Path, publication: Publication) -> None:
    files: dict[str, bytes | str | None] = {f"{number}/{number}.bin": b"x" for number in range(300)}
    leave(volume, files)
    seen: set[int] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            if (volume / "seal-tags").exists():
                seen.add(len(list((volume / "seal-tags").rglob("*.bin"))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    publish(publication, Reporter())
    while not seen:
        time.sleep(0.01)
    stop.set()
    watcher.join()
    assert seen == {300}


def test_failed_cleanup_is_reported_without_failing(
    volume: Path, publication: Publication, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    leave(volume, RESULT)

    def publish_without_the_right_to_remove_the_workspace(here: Path) -> None:
        (here / "volume" / layout.WORKSPACES).chmod(0o555)
        publish(publication._replace(volume=str(here / "volume")), Reporter())
        (here / "volume" / layout.WORKSPACES).chmod(0o755)

    as_ordinary_user(tmp_path, publish_without_the_right_to_remove_the_workspace)
    assert tree(volume / "seal-tags") == RESULT
    assert '"event": "left_behind"' in capfd.readouterr().out


def test_workspace_of_any_depth_is_cleaned_up(volume: Path, publication: Publication) -> None:
    leave(volume, RESULT)
    dig(volume / layout.workspace(RUN), levels=1200)
    publish(publication, Reporter())
    assert tree(volume / "seal-tags") == RESULT
    assert not (volume / layout.workspace(RUN)).exists()


def test_result_that_no_path_can_name_is_refused(volume: Path, publication: Publication) -> None:
    dig(leave(volume, RESULT), levels=300)
    with pytest.raises(PublishError, match="nested more than 256 deep"):
        publish(publication, Reporter())
    remove(volume)


def test_a_temporary_output_is_one_zip_of_everything(
    volume: Path, publication: Publication, tmp_path: Path
) -> None:
    leave(volume, RESULT)
    publish(publication._replace(output="temporary"), Reporter())
    with zipfile.ZipFile(publication.zip_path) as archive:
        assert archive.testzip() is None
        assert [name.rstrip("/") for name in archive.namelist()] == sorted(RESULT)
        archive.extractall(tmp_path / "out")
    files = {name: value for name, value in RESULT.items() if isinstance(value, bytes)}
    extracted = tree(tmp_path / "out")
    assert {name: extracted[name] for name in files} == files
    assert not list(tmp_path.glob("*.part"))


def test_unzip_restores_links_and_modes(volume: Path, publication: Publication, tmp_path: Path) -> None:
    (leave(volume, RESULT) / "deep/b.tif").chmod(0o640)
    publish(publication._replace(output="temporary"), Reporter())
    assert os.system(f"unzip -q {publication.zip_path} -d {tmp_path}/out") == 0
    assert tree(tmp_path / "out") == RESULT
    assert stat.S_IMODE((tmp_path / "out/deep/b.tif").stat().st_mode) == 0o640


def lose(volume: Path, name: str, *, partition: int = 0, items: int = 2) -> None:
    """What `process` notes of an item that failed."""
    lost = Missing(name, 1, 1, 3, "damaged\x1b[31m")
    workspace = volume / layout.partition_workspace(RUN, partition)
    note(str(workspace), number=1, items=items, missing=[lost])


@pytest.mark.parametrize("output", ["pvc", "temporary"])
def test_what_is_missing_is_listed_in_the_result_and_warned_of(
    volume: Path, publication: Publication, output: str
) -> None:
    for partition in (0, 1):
        leave(volume, {f"{partition}.tif": b"x"}, partition=partition)
        lose(volume, f"lost-{partition}.tif", partition=partition)
    reporter = Reporter()
    allowed = publication._replace(output=output, partitions=2, allowed_failures="50%")
    for _ in range(2):
        publish(allowed, reporter)
    if output == "temporary":
        assert os.system(f"unzip -q {publication.zip_path} -d {volume}/seal-tags") == 0
    assert set(tree(volume / "seal-tags")) == {"0.tif", "1.tif", "ogdc-missing.json"}
    listed = json.loads((volume / "seal-tags/ogdc-missing.json").read_text())
    assert listed["items"] == 4
    assert [(one["item"], one["exit_code"]) for one in listed["missing"]] == [
        ("lost-0.tif", 3),
        ("lost-1.tif", 3),
    ]
    assert reporter.warnings is not None
    assert "is incomplete: 2 of 4 items failed: 'lost-0.tif'" in reporter.warnings.first[0].message


@pytest.mark.parametrize("partition", [0, 1])
def test_a_file_of_a_command_is_not_replaced_by_the_list_of_missing_items(
    volume: Path, publication: Publication, partition: int
) -> None:
    for each in (0, 1):
        leave(volume, {f"{each}.tif": b"x"}, partition=each)
        lose(volume, f"lost-{each}.tif", partition=each)
    leave(volume, {"ogdc-missing.json": b"my own"}, partition=partition)
    with pytest.raises(PublishError, match=r"A command wrote 'ogdc-missing\.json', which is reserved"):
        publish(publication._replace(partitions=2, allowed_failures="50%"), Reporter())
    assert not (volume / "seal-tags").exists()


@pytest.mark.parametrize("allowed", ["0", "1", "49.9%"])
def test_more_missing_items_than_allowed_fail_publishing(
    volume: Path, publication: Publication, allowed: str
) -> None:
    for partition in (0, 1):
        leave(volume, {f"{partition}.tif": b"x"}, partition=partition)
        lose(volume, f"lost-{partition}.tif", partition=partition)
    with pytest.raises(PublishError, match=f"exceeds workflow.parallel.allowed_failures: {allowed}"):
        publish(publication._replace(partitions=2, allowed_failures=allowed), Reporter())
    assert not (volume / "seal-tags").exists()


ACCOUNTS = [None, b"", b"[]", b"[" * 100_000, b'{"items": "x", "commands": {}}', "../../secret"]


@pytest.mark.parametrize("account", ACCOUNTS)
def test_a_removed_record_of_failed_items_prevents_publishing(
    volume: Path, publication: Publication, account: bytes | str | None
) -> None:
    leave(volume, {"a.tif": b"x"})
    plant(volume / layout.WORKSPACES, {"secret": b'{"items": 1, "commands": {"1": []}}'})
    if account is not None:
        plant(volume / layout.partition_workspace(RUN, 0), {"missing.json": account})
    with pytest.raises(PublishError, match="Partition 0 has"):
        publish(publication._replace(allowed_failures="10%"), Reporter())
    assert not (volume / "seal-tags").exists()


def test_a_result_with_only_the_list_of_missing_items_is_rejected(
    volume: Path, publication: Publication
) -> None:
    leave(volume, {})
    lose(volume, "lost.tif", items=1)
    with pytest.raises(PublishError, match="nothing to publish"):
        publish(publication._replace(allowed_failures="100%"), Reporter())


@pytest.mark.parametrize("output", ["pvc", "temporary"])
def test_setuid_and_setgid_bits_are_removed_from_results(
    volume: Path, publication: Publication, output: str, tmp_path: Path
) -> None:
    left = leave(volume, {"program": b"x", "deep/program": b"x"})
    for path in (left, left / "deep", left / "program", left / "deep/program"):
        path.chmod(0o7711)
        os.setxattr(path, "user.note", b"x")
    publish(publication._replace(output=output), Reporter())
    if output == "temporary":
        assert os.system(f"unzip -q {publication.zip_path} -d {volume}/seal-tags") == 0
    found = [volume / "seal-tags", *(volume / "seal-tags").rglob("*")]
    assert len(found) == 4
    assert {path.stat().st_mode & 0o7000 for path in found} == {0}
    assert [os.listxattr(path) for path in found] == [[]] * 4


def test_everybody_can_read_what_is_published_unless_the_operator_says_otherwise(
    volume: Path, publication: Publication
) -> None:
    def leave_closed() -> None:
        left = leave(volume, {"a.tif": b"a", "tool": b"t", "deep/b.tif": b"b"})
        for name, mode in {"a.tif": 0o000, "tool": 0o700, "deep/b.tif": 0o600, "deep": 0o000}.items():
            (left / name).chmod(mode)

    def modes() -> dict[str, str]:
        top = volume / "seal-tags"
        paths = [top, *sorted(top.rglob("*"))]
        return {str(path.relative_to(top)): oct(stat.S_IMODE(path.stat().st_mode)) for path in paths}

    before = os.umask(0o077)
    try:
        leave_closed()
        publish(publication, Reporter())
        readable = modes()
        leave_closed()
        closed = publication._replace(run=RUN, overwrite=True, rights="u+rwX,g+rX,o-rwx")
        (volume / layout.receipt("seal-tags")).unlink()
        publish(closed, Reporter())
    finally:
        os.umask(before)
    files = {"a.tif": "0o644", "deep/b.tif": "0o644", "tool": "0o755"}
    assert readable == {".": "0o755", "deep": "0o755"} | files
    assert modes() == {name: mode[:-1] + "0" for name, mode in readable.items()}


def test_unzip_restores_times_in_any_zone(
    volume: Path, publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = leave(volume, {"deep/a.tif": b"a"}) / "deep/a.tif"
    os.utime(left, (1_577_934_245, 1_577_934_245))
    publish(publication._replace(output="temporary"), Reporter())
    assert os.system(f"TZ=America/Anchorage unzip -q {publication.zip_path} -d {tmp_path}/out") == 0
    assert (tmp_path / "out/deep/a.tif").stat().st_mtime == 1_577_934_245


def test_the_same_files_make_the_same_zip(volume: Path, publication: Publication) -> None:
    leave(volume, RESULT)
    zips = []
    for _ in range(2):
        publish(publication._replace(output="temporary"), Reporter())
        zips.append(Path(publication.zip_path).read_bytes())
    assert zips[0] == zips[1]


def test_only_what_shrinks_is_compressed(volume: Path, publication: Publication) -> None:
    leave(volume, {"text.csv": b"1,2,3\n" * 1000, "compressed.tif": os.urandom(5000)})
    publish(publication._replace(output="temporary"), Reporter())
    with zipfile.ZipFile(publication.zip_path) as archive:
        kinds = {member.filename: member.compress_type for member in archive.infolist()}
    assert kinds == {"text.csv": zipfile.ZIP_DEFLATED, "compressed.tif": zipfile.ZIP_STORED}


def test_a_name_that_no_zip_can_hold_is_reported(volume: Path, publication: Publication) -> None:
    leave(volume, {os.fsdecode(b"caf\xe9.tif"): b""})
    with pytest.raises(PublishError, match=r"'caf\\xe9.tif' is not UTF-8"):
        publish(publication._replace(output="temporary"), Reporter())


def test_files_older_than_zip_itself_are_taken(volume: Path, publication: Publication) -> None:
    os.utime(leave(volume, {"a": b""}) / "a", (0, 0))
    publish(publication._replace(output="temporary"), Reporter())
    assert Path(publication.zip_path).exists()


def warn(volume: Path, message: str, *, partition: int) -> None:
    workspace = volume / layout.partition_workspace(RUN, partition)
    leave_warnings(str(workspace), one_warning("no_data", message))


def published_warnings(publication: Publication) -> list[tuple[int | None, str]]:
    """Publish, and read what Argo would take as the output parameter."""
    publish(publication, Reporter())
    warnings = read_warnings(Path(publication.warnings_path).read_text())
    return [(each.partition, each.message) for each in warnings.first]


def test_what_the_partitions_warned_of_is_told_once_and_by_number(
    volume: Path, publication: Publication
) -> None:
    for partition in range(3):
        leave(volume, {f"{partition}.txt": b"x"}, partition=partition)
    warn(volume, "all is zero", partition=2)
    warn(volume, "no CRS", partition=0)
    several = publication._replace(partitions=3)
    assert published_warnings(several) == [(0, "no CRS"), (2, "all is zero")]
    assert published_warnings(several) == [(0, "no CRS"), (2, "all is zero")]  # from the receipt


def test_without_a_warning_nothing_is_reported(volume: Path, publication: Publication) -> None:
    leave(volume, {"a.txt": b"x"})
    publish(publication, Reporter())
    assert not Path(publication.warnings_path).exists()


@pytest.mark.parametrize("link", [False, True])
def test_a_file_in_place_of_warnings_is_ignored(
    volume: Path, publication: Publication, tmp_path: Path, link: bool
) -> None:
    leave(volume, {"a.txt": b"x"})
    place = volume / layout.partition_workspace(RUN, 0) / layout.WARNINGS
    (tmp_path / "secret").write_text(one_warning("secret", "of others").to_json())
    if link:
        place.symlink_to(tmp_path / "secret")
    else:
        os.mkfifo(place)
    publish(publication, Reporter())
    assert not Path(publication.warnings_path).exists()


@pytest.mark.slow
def test_warnings_outlive_a_publisher_that_is_killed_anywhere(volume: Path, publication: Publication) -> None:
    def prepare() -> None:
        shutil.rmtree(volume)
        Path(publication.warnings_path).unlink(missing_ok=True)
        leave(volume, {"a.txt": b"x"})
        warn(volume, "no CRS", partition=0)

    for _ in crashes(prepare, lambda: publish(publication, Reporter())):
        assert published_warnings(publication) == [(0, "no CRS")]
