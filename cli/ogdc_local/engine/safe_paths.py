"""Access to paths in directories that tasks write to, without following links that a task may have left.

Otherwise a mount, or the engine reading an output, would follow such a link with the engine's privileges.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path, PurePosixPath

from ogdc_shared.open_flags import READ_DIRECTORY, READ_FILE


def safe_directory(root: Path, relative: str, *, owner: int | None, make: bool = True) -> Path:
    """Return the directory `relative` below `root`; create it unless it exists.

    Args:
        root: A directory that tasks cannot replace.
        relative: The relative path; empty for `root` itself.
        owner: The uid and gid to give new directories and the last one, or None to leave them.
        make: False if it has to exist already.

    Raises:
        OSError: a link or file is in the way, `relative` contains `..`, or the directory cannot be created.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in _parts(relative):
            above = descriptor
            descriptor = _opened(part, above, owner=owner, make=make)
            os.close(above)
        _own(descriptor, owner)
    finally:
        os.close(descriptor)
    return root / relative


def safe_file(root: Path, relative: str) -> Path:
    """Return the regular file `relative` below `root`.

    Raises:
        OSError: it does not exist, is not a regular file, or a link is on the way.
    """
    *above, name = _parts(relative)
    directory = safe_directory(root, "/".join(above), owner=None, make=False)
    path = directory / name
    if not stat.S_ISREG(path.lstat().st_mode):
        raise OSError(f"{name!r} is not a regular file")
    return path


def safe_found(root: Path, relative: str) -> Path:
    """Return the existing directory or regular file `relative` below `root`.

    Raises:
        OSError: it does not exist, is something else, or a link is on the way.
    """
    path = root / relative
    if _parts(relative) and not stat.S_ISDIR(path.lstat().st_mode):
        return safe_file(root, relative)
    return safe_directory(root, relative, owner=None, make=False)


def safe_read(root: Path, relative: str, *, limit: int) -> str | None:
    """Return the first `limit` bytes of a file of a task; None if there is no regular file.

    The task may be running. So the open file is checked rather than its path, and opening never blocks on a
    pipe.
    """
    *above, name = _parts(relative)
    try:
        directory = safe_directory(root, "/".join(above), owner=None, make=False)
        descriptor = os.open(directory / name, READ_FILE)
    except OSError:
        return None
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, limit).decode(errors="replace") if is_file else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _parts(relative: str) -> tuple[str, ...]:
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts:
        raise OSError(f"{relative!r} leads out of its directory")
    return path.parts


def _opened(name: str, parent: int, *, owner: int | None, make: bool) -> int:
    """Open a directory; it usually exists."""
    try:
        return os.open(name, READ_DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if not make:
            raise
    with suppress(FileExistsError):  # another pod may have just created it
        os.mkdir(name, 0o755, dir_fd=parent)
    descriptor = os.open(name, READ_DIRECTORY, dir_fd=parent)
    _own(descriptor, owner)
    return descriptor


def _own(descriptor: int, owner: int | None) -> None:
    if owner is not None and os.fstat(descriptor).st_uid != owner:
        os.fchown(descriptor, owner, owner)
