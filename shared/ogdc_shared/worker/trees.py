"""Directories on the workflow volume: emptied, moved, flushed to disk.

Everything here may be stopped at any point and done again. Links are never followed.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from ogdc_shared.light import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def remove(path: str) -> None:
    """Remove a file, a link, or a directory with all it holds; nothing there is fine."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        empty(path)
        os.rmdir(path)


def empty(directory: str) -> None:
    """Remove all that a directory holds, also where a command took away the right to do so."""
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        os.chmod(directory, stat.S_IRWXU)
    for name in os.listdir(directory):
        remove(f"{directory}/{name}")


def move_children(target: str, *sources: str) -> None:
    """Move all that directories hold into `target`, on the same mount, and return once that is on disk.

    Directories of one name are merged. A file of one name in two has to be ruled out beforehand: the one that
    was there first would be lost.
    """
    changed = {target}
    for source in sources:
        changed.update(_moved_into(target, source))
    for directory in changed:
        flush_entries(directory)


def is_directory(path: str) -> bool:
    """Tell whether this is a directory itself, not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def flush(directory: str) -> None:
    """Return once everything below a directory is on disk and would survive the machine's end.

    What may not be read is left out, and so are special files: opening one may wait for ever.
    """
    with suppress(PermissionError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                flush(entry.path)
            elif entry.is_file(follow_symlinks=False):
                _sync(entry.path)
    flush_entries(directory)


def flush_entries(directory: str) -> None:
    """Return once the names in a directory are on disk; says nothing about what the files hold."""
    _sync(directory)


def write_durably(path: str, content: bytes) -> None:
    """Replace a small file: afterwards it is whole and on disk, before that the old one is."""
    with open(f"{path}.new", "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)
    flush_entries(os.path.dirname(path))


def _sync(path: str) -> None:
    with suppress(PermissionError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _moved_into(target: str, source: str) -> Iterator[str]:
    """Move without waiting for the disk, and yield the other directories that something was moved into."""
    for name in os.listdir(source):
        moved, place = f"{source}/{name}", f"{target}/{name}"
        if is_directory(moved) and is_directory(place):
            yield place
            yield from _moved_into(place, moved)
            os.rmdir(moved)
        else:
            _rename(moved, place)


def _rename(source: str, target: str) -> None:
    """Rename, also a directory that its owner may not write: moving it changes the `..` it holds."""
    try:
        os.rename(source, target)
    except PermissionError:
        if not is_directory(source):
            raise
        mode = stat.S_IMODE(os.lstat(source).st_mode)
        os.chmod(source, mode | stat.S_IRWXU)
        os.rename(source, target)
        os.chmod(target, mode)
