"""The files of a published directory on a volume; links are not followed, so nothing outside can be read."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from ogdc_shared.open_flags import READ_DIRECTORY, READ_FILE
from ogdc_shared.outputs.output_file import PIECE_BYTES, FilePage, ListedFile, OutputFile

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO})


def open_directory(path: str, *, within: int | None = None) -> int | None:
    """Open a directory that is not a link; return a descriptor to be closed by the caller, or None."""
    return _opened(path, READ_DIRECTORY, within)


def list_files(directory: int, *, after: str | None, limit: int) -> FilePage:
    """List files below an open directory by name, without links and names that are not UTF-8.

    Args:
        directory: Its descriptor.
        after: The last path of the previous page, or None to begin with the first file.
        limit: The maximum number of files.
    """
    found: list[ListedFile] = []
    for file in _below(directory, "", after.split("/") if after else []):
        if len(found) == limit:
            return FilePage(found, found[-1].path)
        found.append(file)
    return FilePage(found, None)


def names_below(directory: int, path: str) -> list[str]:
    """Return the paths of the entries of a directory below an open one; empty if it does not exist."""
    at: int | None = os.dup(directory)
    for part in path.split("/"):
        at = _stepped(at, part)
    if at is None:
        return []
    try:
        return [f"{path}/{name}" for name in _names(at)]
    finally:
        os.close(at)


def open_file(directory: int, path: str) -> OutputFile | None:
    """Open a file below an open directory; return None if it does not exist."""
    *above, name = path.split("/")
    if "\0" in path or {"", ".", ".."} & {*above, name}:
        return None
    at: int | None = os.dup(directory)
    for part in above:
        at = _stepped(at, part)
    if at is None:
        return None
    try:
        descriptor = _opened(name, READ_FILE, at)
    finally:
        os.close(at)
    return None if descriptor is None else _file(path, descriptor)


def _stepped(at: int | None, name: str) -> int | None:
    """Open a directory within an open one, which is closed."""
    if at is None:
        return None
    try:
        return open_directory(name, within=at)
    finally:
        os.close(at)


def _file(path: str, descriptor: int) -> OutputFile | None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        return None
    file = os.fdopen(descriptor, "rb", buffering=0)

    def read(begin: int, end: int) -> Iterator[bytes]:
        file.seek(begin)
        while begin < end and (piece := file.read(min(PIECE_BYTES, end - begin))):
            begin += len(piece)
            yield piece

    etag = f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"
    return OutputFile(path, status.st_size, etag, read, file.close)


def _below(directory: int, prefix: str, after: list[str]) -> Iterator[ListedFile]:
    """Yield the files below a directory that come after a path, given by its parts."""
    first, *rest = after or [""]
    for name in _names(directory):
        if name < first or (name == first and not rest):
            continue
        status = _status(name, directory)
        if status is None:
            continue
        if stat.S_ISREG(status.st_mode):
            if name != first:
                yield ListedFile(f"{prefix}{name}", status.st_size)
        elif stat.S_ISDIR(status.st_mode):
            below = open_directory(name, within=directory)
            if below is not None:
                try:
                    yield from _below(below, f"{prefix}{name}/", rest if name == first else [])
                finally:
                    os.close(below)


def _names(directory: int) -> list[str]:
    return sorted(name for name in os.listdir(directory) if name.isascii() or _is_text(name))


def _is_text(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _status(name: str, directory: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _opened(name: str, flags: int, within: int | None) -> int | None:
    try:
        return os.open(name, flags, dir_fd=within)
    except OSError as exc:
        if exc.errno in _ABSENT:
            return None
        raise
