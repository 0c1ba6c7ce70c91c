"""Removing directories without waiting until each of their files is removed.

A thousand partitions leave thousands of files. Removing them takes a disk longer than the rest of `publish`.
So for large trees, big files are removed at once and the rest is renamed to where `tidy` removes it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from ogdc_shared import layout
from ogdc_shared.errors import PublishError
from ogdc_shared.removal import remove
from ogdc_shared.walking import is_directory, walk

_MAX_BYTES = 16 << 20
"""Maximum size of a directory that is left to `tidy`."""
_FEW = 500
"""Number of files up to which a directory is removed at once."""
_MAX_DIRECTORIES = 32
"""Maximum number of directories waiting for `tidy`; further ones are removed at once."""


def clear_away(volume: str, place: str) -> None:
    """Remove a directory, or whatever is in its place.

    Args:
        volume: The workflow volume.
        place: The directory, relative to the volume.

    Raises:
        OSError: something cannot be removed.
    """
    path, condemned = f"{volume}/{place}", f"{volume}/{layout.CONDEMNED}"
    with suppress(OSError, PublishError):
        if is_directory(path) and _make_small(path) > _FEW:
            os.makedirs(condemned, exist_ok=True)
            if len(os.listdir(condemned)) < _MAX_DIRECTORIES:
                os.rename(path, f"{condemned}/{place.replace('/', '_')}")
                return
    remove(path)


def _make_small(directory: str) -> int:
    """Remove files until the rest is small enough to be left to `tidy`; returns the number of entries.

    Files with further hard links take no space.
    """
    room, names = _MAX_BYTES, 0
    for _, entry in walk(directory, opening=True):
        names += 1
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            size = status.st_blocks * 512
            if size > room:
                os.unlink(entry.path)
            else:
                room -= size
    return names
