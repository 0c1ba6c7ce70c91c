"""`ogdc-worker publish` as a container runs it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ogdc_shared import layout
from support.sandbox import PublishTask
from support.trees import plant, tree

RUN = "seal-tags-abcdefghij"


def publish_task(directory: Path, *options: str) -> PublishTask:
    volume = directory / "volume"
    volume.mkdir(exist_ok=True)
    fixed = ["--run", RUN, "--recipe-id", "seal-tags", "--partitions", "1"]
    return PublishTask(directory / "task", volume=volume, options=[*fixed, *options])


def leave(volume: Path, content: dict[str, bytes | str | None]) -> None:
    plant(volume / layout.partition_workspace(RUN, 0) / "output_dir", content)


def test_a_result_is_published_to_the_volume(tmp_path: Path) -> None:
    task = publish_task(tmp_path, "--output", "pvc")
    leave(task.volume, {"deep/.a": b"a"})
    result = task.run()
    assert result.exit_code == 0, result.stderr
    assert tree(task.volume / "seal-tags") == {"deep": None, "deep/.a": b"a"}
    [published] = result.events("published")
    assert (published["recipe_id"], published["output"]) == ("seal-tags", "pvc")


def test_a_temporary_result_becomes_a_zip(tmp_path: Path) -> None:
    task = publish_task(tmp_path, "--output", "temporary")
    leave(task.volume, {"deep/.a": b"a"})
    assert task.run().exit_code == 0
    with zipfile.ZipFile(task.zip_path) as archive:
        assert archive.namelist() == ["deep/", "deep/.a"]
    assert (task.volume / layout.workspace(RUN)).exists()


@pytest.mark.parametrize("output", ["pvc", "temporary"])
def test_an_empty_result_fails_with_a_message(tmp_path: Path, output: str) -> None:
    task = publish_task(tmp_path, "--output", output)
    leave(task.volume, {})
    result = task.run()
    assert result.exit_code == 1
    assert result.last_words == "There is nothing to publish: the last command left no file in /output_dir."


def test_published_data_are_kept_without_overwrite(tmp_path: Path) -> None:
    task = publish_task(tmp_path, "--output", "pvc")
    plant(task.volume / "seal-tags", {"old": b""})
    leave(task.volume, {"new": b""})
    result = task.run()
    assert result.exit_code == 1
    assert "published already" in result.last_words
    task.arguments.append("--overwrite")
    assert task.run().exit_code == 0
    assert tree(task.volume / "seal-tags") == {"new": b""}
