"""Whether a disk is full, in words: a program that could not write often says something else, or nothing."""

from __future__ import annotations

import os

from ogdc_shared import layout

_MIN_BYTES = 1024 * 1024


def shortage(path: str) -> str | None:
    """What to say of the disk that `path` is on where it is full, else None."""
    disk = os.statvfs(path)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    if free < _MIN_BYTES:
        return f"{no_room()} ({free:,} of {total:,} bytes are free)"
    if disk.f_files and not disk.f_favail:
        return f"{no_room()} for more files ({disk.f_files:,} are there)"
    return None


def no_room() -> str:
    """That the disk is full, and which."""
    return f"No room is left on the disk of {os.environ.get(layout.DISK, 'the workflow volume')}"
