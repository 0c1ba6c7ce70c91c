"""Locks on files (flock), which are released when the process ends for whatever reason."""

from __future__ import annotations

import fcntl
import time

_POLL_SECONDS = 0.1


def try_lock(file: int, *, shared: bool = False) -> bool:
    """Take the lock of an open file without waiting; False: another has it.

    Raises:
        OSError: the file system knows no locks.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_within(file: int, *, seconds: float, poll_seconds: float = _POLL_SECONDS) -> bool:
    """Take the lock of an open file, waiting for it so many seconds; False: another has it still."""
    deadline = time.monotonic() + seconds
    while not try_lock(file):
        if time.monotonic() >= deadline:
            return False
        time.sleep(poll_seconds)
    return True
