"""Reserving disk space, and stopping tasks when the disk of the state directory is full.

PostgreSQL and the engine need space to record that a run has failed for lack of it. So a reserve file is
allocated at the start, and removed once nothing runs that would use up that space as well.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

RESERVE_BYTES = 32 * 1024 * 1024
"""Two of PostgreSQL's segments."""
LOW_BYTES = 2 * 1024 * 1024
_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0
"""For commands to end by themselves when they cannot write."""
_CALM_SECONDS = 5.0
"""After which a disk that was full counts as one that is not: a command may fill it again and again."""

logger = logging.getLogger(__name__)


class Reserve:
    """A file that keeps room for the stack itself."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self) -> None:
        """Take the room up, where there is enough of it."""
        if os.path.lexists(self._path) or free_bytes(self._path.parent) < 2 * RESERVE_BYTES:
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            self.release()

    def release(self) -> bool:
        """Give the room back; returns whether there was some."""
        try:
            self._path.unlink()
        except OSError:
            return False
        logger.warning("the disk of %s is full; what was kept back is used up", self._path.parent)
        return True


class DiskWatch:
    """A thread that looks at the disk."""

    def __init__(self, reserve: Reserve, directory: Path, *, stop_tasks: Callable[[str], bool]) -> None:
        """Nothing is looked at before the context is entered.

        Args:
            reserve: What is kept back.
            directory: The state directory.
            stop_tasks: Has whatever runs end, for the reason it is given; returns whether anything runs.
        """
        self._reserve = reserve
        self._directory = directory
        self._stop_tasks = stop_tasks
        self._full_since: float | None = None
        self._full_last = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)

    def __enter__(self) -> DiskWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with suppress(OSError):  # the directory may be gone
                self.look(time.monotonic())
            if self._ended.wait(_LOOK_SECONDS):
                return

    def look(self, now: float) -> None:
        """Do what is to be done now."""
        free = free_bytes(self._directory)
        if free >= LOW_BYTES:
            if now - self._full_last >= _CALM_SECONDS:
                self._full_since = None
            self._reserve.take()
            return
        self._full_last = now
        if self._full_since is None:
            self._full_since = now
        elif now - self._full_since >= _PATIENCE_SECONDS and not self._stop_tasks(
            f"No room is left on the disk of {self._directory} ({free:,} bytes are free), and the task did "
            "not end by itself. Free some, or set OGDC_STATE_DIR to a place on another disk."
        ):
            self._reserve.release()


def free_bytes(directory: Path) -> int:
    """How much this user can still write there."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize
