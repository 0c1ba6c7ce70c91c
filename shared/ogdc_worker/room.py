"""Detecting a full disk, because the error message of a program that could not write often hides it."""

from __future__ import annotations

import os

from ogdc_shared import layout

_MIN_BYTES = 1024 * 1024


def shortage(path: str) -> str | None:
    """Return a message if the disk of `path` is full, else None."""
    disk = os.statvfs(path)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    if free < _MIN_BYTES:
        return f"{no_room()} ({free:,} of {total:,} bytes are free)"
    if disk.f_files and not disk.f_favail:
        return f"{no_room()} for more files ({disk.f_files:,} are there)"
    return None


def no_room() -> str:
    """Return a message that says which disk is full."""
    return f"No room is left on the disk of {os.environ.get(layout.DISK, 'the workflow volume')}"
