"""What would survive a power cut: content is on disk before its name is, and its name before it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_shared import layout, trees
from ogdc_shared.plan import InputFile, VolumeInput
from ogdc_shared.storage.directory import DirectoryStore
from ogdc_shared.trees import flush, move_children, write_durably
from ogdc_worker.fetch.input_cache import InputCache
from ogdc_worker.fetch.inputs import fetch_inputs
from ogdc_worker.fetch.partial_file import SYNCED_BYTES, PartialFile
from ogdc_worker.publish.publication import Publication
from ogdc_worker.publish.result import publish
from ogdc_worker.report import Reporter
from support.disk_log import DiskLog, Event
from support.partition import PartitionTask
from support.trees import plant


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> DiskLog:
    return DiskLog(monkeypatch)


def test_a_small_file_is_synced_before_it_is_renamed(log: DiskLog, tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_durably(str(path), b"content")
    assert log.has(log.sync(path), log.rename(path), log.sync(tmp_path))


def test_an_artifact_is_synced_with_the_directories_that_lead_to_it(log: DiskLog, tmp_path: Path) -> None:
    DirectoryStore(tmp_path / "store").put("runs/a", b"content")
    path = tmp_path / "store/runs/a"
    assert log.has(log.sync(tmp_path), log.sync(path.parents[1]), log.sync(path), log.rename(path))
    assert log.has(log.rename(path), log.sync(path.parent))


def test_several_artifacts_are_synced_before_their_directories(log: DiskLog, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    store, names = tmp_path / "store", ("recipes/a", "runs/b/c", "runs/b/d/e")
    DirectoryStore(store).put_all((name, tmp_path / "file") for name in names)
    for path in (store / name for name in names):
        assert path.read_bytes() == b"content"
        assert log.has(log.sync(path), log.rename(path), log.sync(path.parent))
    for directory in (tmp_path, store, store / "runs", store / "runs/b"):
        assert log.has(log.sync(directory)), directory


def test_artifacts_below_a_relative_path_are_synced_with_the_first_directory(
    log: DiskLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    DirectoryStore(Path("store")).put_all([("runs/a", b"content")])
    assert Path("store/runs/a").read_bytes() == b"content"
    assert log.has(log.sync(tmp_path))


def test_every_part_of_a_tree_is_synced(log: DiskLog, tmp_path: Path) -> None:
    plant(tmp_path, {"a": b"a", "deep/er/b": b"b"})
    flush(str(tmp_path))
    for path in (tmp_path, *tmp_path.rglob("*")):
        assert log.has(log.sync(path)), path


def test_a_large_tree_is_synced_with_its_file_system(
    log: DiskLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(trees, "_MAX_SYNCED", 2)
    monkeypatch.setattr(trees, "_sync_file_system", synced.append)
    plant(tmp_path, {"a": b"", "b": b"", "c": b""})
    flush(str(tmp_path))
    assert synced == [str(tmp_path)]


def test_a_move_to_another_file_system_is_synced_before_its_rename(log: DiskLog, tmp_path: Path) -> None:
    plant(tmp_path, {"from/file": b"a", "from/tree/b": b"b", "to": None})
    log.apart = True
    move_children(str(tmp_path / "to"), str(tmp_path / "from"))
    to = tmp_path / "to"
    assert log.has(log.sync(to / "file"), log.rename(to / "file"), log.sync(to))
    assert log.has(log.sync(to / "tree/b"), log.rename(to / "tree"), log.sync(to))


def test_a_large_entry_of_the_cache_is_synced_before_its_rename(log: DiskLog, tmp_path: Path) -> None:
    plant(tmp_path, {"file": bytes(SYNCED_BYTES), "cache": None})
    cache = InputCache(str(tmp_path / "cache"), limit=2 * SYNCED_BYTES)
    cache.keep("u", str(tmp_path / "file"), etag='"1"', modified="", name=None)
    [entry] = (tmp_path / "cache").iterdir()
    assert log.has(log.sync(entry / "body"), log.rename(entry))


def test_a_large_input_is_synced_by_itself(log: DiskLog, tmp_path: Path) -> None:
    with PartialFile(str(tmp_path / "a.part")).write(offset=0, validator=None) as file:
        file.write(bytes(SYNCED_BYTES))
    assert log.has(log.sync(tmp_path / "a.part"))


def test_inputs_are_synced_before_their_directory(log: DiskLog, tmp_path: Path) -> None:
    plant(tmp_path, {"recipe/a.txt": b"a", "recipe/b.txt": b"b"})
    store = tmp_path / "store"
    files = [InputFile(name, kind="recipe") for name in ("a.txt", "b.txt")]
    fetch_inputs(files, store=str(store), recipe=str(tmp_path / "recipe"), report=lambda _: None)
    for path in (store / "0/a.txt", store / "1/b.txt"):
        assert log.has(log.sync(path), log.sync(store))


def test_what_a_command_wrote_before_it_counts_as_finished(log: DiskLog, tmp_path: Path) -> None:
    task = PartitionTask(tmp_path / "task")
    task.prepare("echo first > $OUTPUT_DIR/a.txt")
    task.run()
    result, checkpoint = task.outputs / "a.txt", task.workspace / "checkpoint"
    written = (log.sync(result), log.sync(task.outputs))
    assert log.has(log.sync(task.workspace), *written, log.write(checkpoint), log.sync(checkpoint))


def on_volume(directory: Path) -> PartitionTask:
    """A task of an input on a volume, whose steps are `place`, `run 1` and `copy`."""
    task = PartitionTask(directory / "task")
    (directory / "input.txt").write_bytes(b"a")
    file = InputFile(str(directory / "input.txt"), kind="volume")
    task.prepare(
        "cp $INPUT_DIR/input.txt $OUTPUT_DIR/a.txt", files=(file,), volumes=(VolumeInput("x", "", "*"),)
    )
    return task


def test_records_of_quick_steps_with_the_next_and_before_the_task_ends(log: DiskLog, tmp_path: Path) -> None:
    task = on_volume(tmp_path)
    task.run()
    result, checkpoint = task.outputs / "a.txt", task.workspace / "checkpoint"
    assert task.finished() == ["place", "run 1", "copy"]
    written, synced = log.write(checkpoint), log.sync(checkpoint)
    assert [each for each in log.events if each in {written, synced}] == [
        *(written, written, synced),
        *(written, synced),
    ]
    assert log.events.count(log.sync(result)) == 1


def test_what_an_interrupted_try_may_have_copied(log: DiskLog, tmp_path: Path) -> None:
    task = on_volume(tmp_path)
    (task.workspace / "checkpoint").write_text("place\nrun 1\n")
    (task.outputs / "a.txt").write_bytes(b"a")
    task.run()
    checkpoint = task.workspace / "checkpoint"
    assert log.has(log.sync(task.outputs / "a.txt"), log.write(checkpoint), log.sync(checkpoint))


def test_a_result_is_synced_before_its_receipt(log: DiskLog, tmp_path: Path) -> None:
    run, volume = "seals-abcdefghij", tmp_path / "volume"
    plant(volume / layout.partition_workspace(run, 0) / "output_dir", {"a.tif": b"a"})
    publish(
        Publication(
            run=run,
            recipe_id="seals",
            partitions=1,
            output="pvc",
            volume=str(volume),
            zip_path=str(tmp_path / "output.zip"),
            warnings_path=str(tmp_path / "warnings"),
        ),
        Reporter(),
    )
    receipt, result = volume / layout.receipt("seals"), volume / "seals"
    assert log.has(log.rename(result / "a.tif"), log.sync(receipt), log.rename(receipt))
    written: tuple[Event, ...] = (log.rename(receipt), log.sync(receipt.parent))
    assert log.has(*written, log.rename(result), log.sync(volume))
