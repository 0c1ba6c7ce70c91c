"""Temporary files in memory, if there is room, and huge pages for the tests' own memory.

On a disk a thousand small files, as PostgreSQL has them, take twenty times as long, flushing them longer.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
"""A file system in memory on every Linux; in most containers it has 64 MB and allows no programs."""
MIN_FREE = 4 << 30
"""Minimum free bytes; all tests together need a quarter of that."""

_HUGE = 2 << 20
"""Size of a huge page in bytes."""
_MADV_COLLAPSE = 25
"""Source: madvise(2); since Linux 6.1."""


def use_memory() -> None:
    """Let this process and its children create temporary files in memory, unless TMPDIR is set."""
    if "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def _has_room(directory: Path) -> bool:
    try:
        found = os.statvfs(directory)
    except OSError:
        return False
    is_small = found.f_bavail * found.f_frsize < MIN_FREE
    return os.access(directory, os.W_OK) and not is_small and not found.f_flag & os.ST_NOEXEC


def use_huge_pages() -> None:
    """Move this process's memory into huge pages, if the system can.

    A fork copies the table of all pages, and a process that has collected the tests has fifty thousand small
    ones: tests that kill a process at each of its steps fork it a thousand times.
    """
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for line in maps.splitlines():
        addresses, rights, _, _, inode, *name = line.split()
        if rights == "rw-p" and inode == "0" and name in ([], ["[heap]"]):
            first, last = (int(address, 16) for address in addresses.split("-"))
            start = -(-first // _HUGE) * _HUGE
            if (length := last // _HUGE * _HUGE - start) > 0:
                madvise(start, length, _MADV_COLLAPSE)  # a refusal leaves the pages as they are
