"""Removing leftovers: all old ones, and none that may still be needed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ogdc_shared import layout
from ogdc_worker.__main__ import run_task
from ogdc_worker.lock import open_locked
from ogdc_worker.publish.tidy import Leftovers, tidy
from ogdc_worker.report import Reporter
from support.crashes import crashes
from support.trees import plant, tree

DAY = 86_400.0
WORKSPACE = layout.partition_workspace("failed", 0)
CHECKPOINT = f"{WORKSPACE}/{layout.CHECKPOINT}"
LEFT: dict[str, bytes | str | None] = {
    CHECKPOINT: b"fetch\n",
    f"{WORKSPACE}/input_dir/seals.csv": b"1",
    f"{layout.staging('failed')}/seals.csv": b"1",
    f"{layout.replaced('earlier')}/seals.csv": b"0",
}
PUBLISHED: dict[str, bytes | str | None] = {
    "seals/seals.csv": b"2",
    layout.receipt("seals"): b"{}",
}


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    plant(tmp_path / "volume", LEFT | PUBLISHED)
    age(tmp_path / "volume", days=8)
    return tmp_path / "volume"


def age(path: Path, *, days: float) -> None:
    """Pretend that nothing was done in a tree for some days."""
    then = time.time() - days * DAY
    for each in [*path.rglob("*"), path]:
        os.utime(each, (then, then), follow_symlinks=False)


def files(volume: Path) -> dict[str, bytes | str | None]:
    return {name: content for name, content in tree(volume).items() if content is not None}


def tidied(volume: Path, *, retry_days: int = 6) -> dict[str, bytes | str | None]:
    tidy(Leftovers(retry_days, str(volume)), Reporter())
    return files(volume)


def test_old_leftovers_are_removed_and_published_data_stay(volume: Path) -> None:
    assert tidied(volume) == PUBLISHED


def test_recent_leftovers_are_kept(volume: Path) -> None:
    assert tidied(volume, retry_days=8) == LEFT | PUBLISHED


@pytest.mark.parametrize("place", [CHECKPOINT, WORKSPACE, layout.workspace("failed")])
def test_a_run_that_has_done_something_lately_keeps_all_of_its_workspaces(volume: Path, place: str) -> None:
    plant(volume, {f"{layout.partition_workspace('failed', 1)}/checkpoint": b""})
    age(volume, days=8)
    os.utime(volume / place)
    assert tidied(volume).keys() >= {CHECKPOINT, f"{layout.partition_workspace('failed', 1)}/checkpoint"}


def test_a_task_at_work_keeps_its_workspace_however_long_its_command_takes(volume: Path) -> None:
    held = open_locked(str(volume / CHECKPOINT))
    age(volume, days=8)
    assert CHECKPOINT in tidied(volume)
    os.close(held)
    assert tidied(volume) == PUBLISHED


def test_links_are_removed_and_not_followed(volume: Path, tmp_path: Path) -> None:
    plant(tmp_path, {"elsewhere/x": b"x"})
    paths = (layout.staging("linked"), f"{WORKSPACE}/output_dir", f"{layout.WORKSPACES}/linked")
    for link in (volume / place for place in paths):
        link.symlink_to(tmp_path / "elsewhere")
    (volume / layout.partition_workspace("other", 0)).mkdir(parents=True)
    (volume / layout.partition_workspace("other", 0) / layout.CHECKPOINT).symlink_to(tmp_path / "made")
    age(volume, days=8)
    assert tidied(volume) == PUBLISHED
    assert tree(tmp_path / "elsewhere") == {"x": b"x"}
    assert not (tmp_path / "made").exists()


def test_on_a_volume_without_leftovers_nothing_is_made(tmp_path: Path) -> None:
    assert tidied(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_it_may_be_killed_at_any_change_and_done_again(volume: Path) -> None:
    def prepare() -> None:
        plant(volume, LEFT)
        age(volume, days=8)

    for _ in crashes(prepare, lambda: tidy(Leftovers(6, str(volume)), Reporter())):
        assert files(volume).items() >= PUBLISHED.items()
        assert tidied(volume) == PUBLISHED


@pytest.mark.parametrize("days", ["0", "-1", "x", "1.5", ""])
def test_days_have_to_be_a_number_of_days(days: str) -> None:
    with pytest.raises(SystemExit) as caught:
        run_task(["tidy", "--retry-days", days])
    assert caught.value.code == 2
