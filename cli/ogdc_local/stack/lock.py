"""The lock that tells whether a stack is up.

A stack's process holds an exclusive flock on one file from before it exists (the starting process takes the
lock and passes it on) until it ends in any way. The process id in the file is valid only while the lock is
held.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ogdc_local.stack.paths import StatePaths, open_state, read_state
from ogdc_shared.file_lock import try_lock

_DIGITS = 10
PROGRAM = "ogdc_local.stack.process"
"""The module that a stack's process runs."""


def take_lock(paths: StatePaths) -> int | None:
    """Try to take the lock; returns its descriptor, or None if it is held."""
    descriptor = open_state(paths.lock)
    if not try_lock(descriptor):
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    return descriptor


def is_locked(paths: StatePaths) -> bool:
    """Whether the lock is held."""
    try:
        descriptor = os.open(paths.lock, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return not try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def is_in_place(paths: StatePaths, descriptor: int) -> bool:
    """Whether a held lock is still the one at the path; not if its directory was removed."""
    try:
        return os.path.samestat(os.fstat(descriptor), paths.lock.stat())
    except FileNotFoundError:
        return False


def holder(paths: StatePaths) -> int | None:
    """Return the pid of the stack that holds the lock; None if it is just being started, or unknown.

    The pid in the file is verified: a process that does not have the file open cannot hold the lock. If that
    is not the one, the stack is found by its program: commands that start or seek one open the file, too.
    """
    text = ""
    with suppress(OSError, ValueError):
        text = read_state(paths.lock)
    named = [int(text)] if text.isascii() and text.isdecimal() and len(text) < _DIGITS else []
    if not Path("/proc/self/fd").exists():
        return named[0] if named else None
    others = (int(process.name) for process in Path("/proc").glob("[0-9]*") if _is_stack(process))
    for pid in (*named, *others):
        if pid != os.getpid() and may_hold(paths, pid):
            return pid
    return None


def may_hold(paths: StatePaths, pid: int) -> bool:
    """Whether a process may hold the lock: it has the file open, or the system does not tell."""
    return not Path("/proc/self/fd").exists() or _has_open(Path("/proc", str(pid)), paths.lock)


def _is_stack(process: Path) -> bool:
    try:
        return os.fsencode(PROGRAM) in (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _has_open(process: Path, path: Path) -> bool:
    for descriptor in _descriptors(process):
        try:
            if descriptor.samefile(path):
                return True
        except OSError:  # closed meanwhile
            continue
    return False


def _descriptors(process: Path) -> list[Path]:
    try:
        return list((process / "fd").iterdir())
    except OSError:  # the process has ended, or belongs to another user
        return []


def is_alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # the process has just ended, or there is no /proc
        return not Path("/proc/self").exists()
