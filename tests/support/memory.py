"""Where temporary files lie: in memory, where there is room.

On a disk a thousand small files, as PostgreSQL has them, take twenty times as long, flushing them longer.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
"""A file system in memory wherever Linux is; of 64 MB, and without programs, in most containers."""
MIN_FREE = 4 << 30
"""Bytes; all tests together take a quarter of that."""


def use_memory() -> None:
    """Have this process, and what it starts, make temporary files in memory, unless TMPDIR says where."""
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _has_room(directory: Path) -> bool:
    try:
        found = os.statvfs(directory)
    except OSError:
        return False
    is_small = found.f_bavail * found.f_frsize < MIN_FREE
    return os.access(directory, os.W_OK) and not is_small and not found.f_flag & os.ST_NOEXEC
