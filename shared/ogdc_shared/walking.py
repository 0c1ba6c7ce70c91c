"""Traversing directory trees written by untrusted commands; links are never followed."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 256
"""Maximum nesting of directories; with more, most programs that copy or remove trees fail."""
_PATH_MAX = 4096


def is_directory(path: str) -> bool:
    """Whether this is a directory, and not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except FileNotFoundError:
        return False


def names_in(directory: str) -> list[str]:
    """Return the names in a directory; none if there is no such directory, or a link in its place."""
    return os.listdir(directory) if is_directory(directory) else []


def walk(directory: str, *, opening: bool = False) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield the relative path and entry of everything below a directory, without following links.

    Unreadable directories are skipped. A directory comes before its content.

    Args:
        directory: The directory.
        opening: Whether to make directories accessible that deny access to their owner, the caller.

    Raises:
        PublishError: directories are nested deeper than `MAX_DEPTH`, or a path is too long.
    """
    pending = [("", 0)]
    while pending:
        below, depth = pending.pop()
        for entry in _entries(f"{directory}/{below}"):
            name = f"{below}{entry.name}"
            if depth >= MAX_DEPTH or not _fits(entry.path):
                raise _too_deep(name)
            yield name, entry
            if entry.is_dir(follow_symlinks=False):
                if opening:
                    _open_to_owner(entry.path)
                pending.append((f"{name}/", depth + 1))


def _open_to_owner(directory: str) -> None:
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        with suppress(PermissionError):
            os.chmod(directory, stat.S_IMODE(os.lstat(directory).st_mode) | stat.S_IRWXU)


def _entries(directory: str) -> list[os.DirEntry[str]]:
    with suppress(PermissionError), os.scandir(directory) as entries:
        return list(entries)
    return []


def _fits(path: str) -> bool:
    """Whether the kernel accepts a path of that length, with a final slash and NUL."""
    return len(path) < _PATH_MAX // 4 or len(os.fsencode(path)) + len("/") < _PATH_MAX


def _too_deep(name: str) -> PublishError:
    return PublishError(
        f"Directories are nested more than {MAX_DEPTH} deep, or their names are longer than a path can be: "
        f"{name[:100]!r} and so on. Leave a flatter tree in /output_dir."
    )
