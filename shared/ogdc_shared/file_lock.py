"""Locks on files (flock), which are released when the process ends for whatever reason."""

from __future__ import annotations

import fcntl
import time

_POLL_SECONDS = 0.1


def try_lock(file: int, *, shared: bool = False) -> bool:
    """Try to lock an open file without waiting; False if it is locked.

    Raises:
        OSError: the file system does not support locks.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_within(file: int, *, seconds: float, poll_seconds: float = _POLL_SECONDS) -> bool:
    """Lock an open file, waiting up to `seconds`; False if it is still locked then."""
    deadline = time.monotonic() + seconds
    while not try_lock(file):
        if time.monotonic() >= deadline:
            return False
        time.sleep(poll_seconds)
    return True
