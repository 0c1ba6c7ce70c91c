"""The lock that says whether a stack is up.

A stack's process holds an exclusive flock on one file from before it exists (whoever starts it takes the lock
and hands it over) until it is gone, however it ends. The process id in the file is to be believed only while
the lock is held.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ogdc_cli.local.paths import StatePaths


def take_lock(paths: StatePaths) -> int | None:
    """Take the lock without waiting; returns its descriptor, or None where somebody has it."""
    descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_locked(paths: StatePaths) -> bool:
    """Whether somebody has the lock."""
    try:
        descriptor = os.open(paths.lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_in_place(paths: StatePaths, descriptor: int) -> bool:
    """Whether a lock that was taken is still the one others see; not where its directory was removed."""
    try:
        return os.path.samestat(os.fstat(descriptor), paths.lock.stat())
    except FileNotFoundError:
        return False


def holder(paths: StatePaths) -> int | None:
    """Read which process holds the lock; None while it is only being started."""
    text = paths.lock.read_text()
    return int(text) if text.isdecimal() else None


def is_alive(pid: int) -> bool:
    """Whether a process is there and more than a zombie, which somebody may be slow to collect."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # gone by now, or a system without /proc
        return not Path("/proc/self").exists()
