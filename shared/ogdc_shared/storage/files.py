"""Writing files so that nobody ever sees a part of one, and saying plainly when there is no room."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ogdc_shared.errors import NO_ROOM, StorageUnavailableError
from ogdc_shared.trees import flush_entries


@contextmanager
def replacing(path: Path, *, sync: bool = True, sync_name: bool = True) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of `path` when the block ends, and is gone when it fails.

    Content and name are on disk before this returns. Missing directories are made. Only a process killed in
    the middle leaves something: a file beside `path` whose name begins with a dot.

    Args:
        path: The file.
        sync: False: whether its content survives a crash of the machine does not matter.
        sync_name: False: the caller has many, and calls `sync_directory` after the last.
    """
    directory = path.parent
    make_directory(directory)
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105  a Path of it takes longer than the call
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108  likewise
        raise
    if sync_name:
        sync_directory(directory)


def make_directory(directory: Path) -> None:
    """Make a directory and those above it so that they survive a crash."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    sync_directory(directory.parent)


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn an OSError of the block into a StorageUnavailableError about `what`.

    The path stays out of the message, since callers of the services read it; it is in the cause.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in NO_ROOM | {errno.EFBIG}:
            raise StorageUnavailableError(
                f"There is no room left on the disk for {what}; nothing was written. "
                "Free some space and try again."
            ) from exc
        raise StorageUnavailableError(f"Reading or writing {what} failed: {exc.strerror or exc}.") from exc


def sync_directory(directory: Path) -> None:
    """Bring the names in a directory to disk."""
    flush_entries(str(directory))
