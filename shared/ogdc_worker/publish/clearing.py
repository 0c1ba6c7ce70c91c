"""Clearing away what nobody needs any more without waiting until each of its files is removed.

A thousand partitions leave thousands of names, which take a disk longer to remove than all else that
`publish` does. So where there are many, what takes room is removed at once, and the rest is put aside by one
renaming, where `tidy` removes it.
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
"""Of one directory that is put aside."""
_FEW = 500
"""Names that are not worth it."""
_MAX_DIRECTORIES = 32
"""Directories; where as many wait for `tidy` already, further ones are removed at once."""


def clear_away(volume: str, place: str) -> None:
    """Clear away a directory, or whatever has its place.

    Args:
        volume: The workflow volume.
        place: Of the directory, relative to it.

    Raises:
        OSError: something of it cannot be removed.
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
    """Remove files until the rest takes no more than may be put aside; returns how many names there were.

    A file that has other names takes no room.
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
