"""The reserve of disk space, and what happens when the disk is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_local.stack import disk
from ogdc_local.stack.disk import RESERVE_BYTES, DiskWatch, Reserve

PLENTY = 100 * RESERVE_BYTES


class Watched:
    """A disk whose room a test decides, and tasks that end when they are asked to."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = PLENTY
        self.running = True
        self.reasons: list[str] = []
        self.reserve = directory / "reserve"
        monkeypatch.setattr(disk, "free_bytes", lambda _: self.free)
        self._watch = DiskWatch(Reserve(self.reserve), directory, stop_tasks=self._stop)

    def _stop(self, reason: str) -> bool:
        self.reasons.append(reason)
        return self.running

    def look(self, *, after: float) -> None:
        self._watch.look(after)


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(tmp_path, monkeypatch)


def test_disk_space_is_reserved_if_there_is_enough(watched: Watched) -> None:
    watched.free = RESERVE_BYTES
    watched.look(after=0)
    assert not watched.reserve.exists()
    watched.free = PLENTY
    watched.look(after=1)
    assert watched.reserve.stat().st_size == RESERVE_BYTES


def test_on_a_full_disk_tasks_end_before_the_reserve_is_used(watched: Watched) -> None:
    watched.look(after=0)
    watched.free = 0
    watched.look(after=1)
    watched.look(after=2)
    assert not watched.reasons, "most commands end by themselves"
    watched.look(after=4)
    assert "No room is left on the disk of" in watched.reasons[0]
    assert watched.reserve.exists(), "what runs would eat it up"
    watched.running = False
    watched.look(after=5)
    assert not watched.reserve.exists()


def test_a_disk_that_was_full_for_a_moment_stops_nothing(watched: Watched) -> None:
    for after, free in enumerate((PLENTY, 0, PLENTY, 0, PLENTY)):
        watched.free = free
        watched.look(after=10.0 * after)
    assert not watched.reasons
    assert watched.reserve.exists()


def test_a_command_that_fills_the_disk_again_and_again_is_stopped(watched: Watched) -> None:
    for half_seconds in range(8):
        watched.free = 0 if half_seconds % 2 else PLENTY
        watched.look(after=half_seconds / 2)
    assert watched.reasons


def test_the_reserve_takes_up_room_and_gives_it_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve")
    assert not reserve.release()
    reserve.take()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= RESERVE_BYTES
    assert reserve.release()
