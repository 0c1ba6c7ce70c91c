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
"""Two WAL segments of PostgreSQL."""
LOW_BYTES = 2 * 1024 * 1024
_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0
"""Time for commands to fail by themselves on a full disk."""
_CALM_SECONDS = 5.0
"""Time with free space after which the disk no longer counts as full, since a command may refill it."""

logger = logging.getLogger(__name__)


class Reserve:
    """A file that reserves disk space for the stack itself."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self) -> None:
        """Allocate the reserve if there is enough space."""
        if os.path.lexists(self._path) or free_bytes(self._path.parent) < 2 * RESERVE_BYTES:
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            self.release()

    def release(self) -> bool:
        """Release the reserve; returns whether there was one."""
        try:
            self._path.unlink()
        except OSError:
            return False
        logger.warning("the disk of %s is full; what was kept back is used up", self._path.parent)
        return True


class DiskWatch:
    """A thread that monitors the disk."""

    def __init__(self, reserve: Reserve, directory: Path, *, stop_tasks: Callable[[str], bool]) -> None:
        """Store the arguments; the thread starts on entering the context.

        Args:
            reserve: The reserve.
            directory: The state directory.
            stop_tasks: Makes running tasks fail with the given reason; returns whether any runs.
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
            with suppress(OSError):  # the directory may have been removed
                self.look(time.monotonic())
            if self._ended.wait(_LOOK_SECONDS):
                return

    def look(self, now: float) -> None:
        """Check the disk once, and act if necessary."""
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
    """Return the bytes that this user can still write."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize
