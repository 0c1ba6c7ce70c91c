from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ogdc_local.stack.leftovers import discard, tidy
from ogdc_shared import layout
from support.trees import plant, tree

OLD = layout.partition_workspace("old", 0)
YOUNG = layout.partition_workspace("young", 0)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    volume = tmp_path / "a volume"
    plant(volume, {f"{OLD}/a.csv": b"1", f"{YOUNG}/b.csv": b"2", "seals/seals.csv": b"3"})
    return volume


def files(volume: Path) -> set[str]:
    return {name for name, content in tree(volume).items() if content is not None}


def test_old_leftovers_are_removed_by_the_worker(volume: Path) -> None:
    old = volume / layout.workspace("old")
    for each in [*old.rglob("*"), old]:
        os.utime(each, (0, 0))
    tidy(volume, retry_days=6)
    assert files(volume) == {f"{YOUNG}/b.csv", "seals/seals.csv"}


def test_a_volume_that_cannot_be_tidied_is_reported(tmp_path: Path) -> None:
    (tmp_path / "volume").write_bytes(b"")
    with pytest.raises(subprocess.CalledProcessError):
        tidy(tmp_path / "volume", retry_days=6)


def test_what_a_forgotten_run_left_is_removed_at_once(volume: Path) -> None:
    discard(volume, "young")
    assert files(volume) == {f"{OLD}/a.csv", "seals/seals.csv"}
