"""Writing files atomically, with a clear error when the disk is full."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from ogdc_shared.errors import NO_ROOM, StorageUnavailableError
from ogdc_shared.open_flags import CREATE_FILE
from ogdc_shared.trees import flush_entries, write_all


@contextmanager
def replacing(path: Path, *, sync: bool = True, sync_name: bool = True) -> Iterator[BinaryIO]:
    """Yield a file that replaces `path` when the block ends, and is deleted if the block fails.

    Content and name are on disk before this returns. Missing directories are created. Only if the process is
    killed midway does something remain: a file beside `path` whose name begins with a dot.

    Args:
        path: The file to replace.
        sync: Whether the content has to survive a crash of the machine.
        sync_name: Whether to sync the directory; False if the caller writes many files and calls
            `sync_directory` after the last.
    """
    directory = path.parent
    make_directory(os.fspath(directory))
    with _beside(directory) as (file, temporary):
        yield file
        file.flush()
        if sync:
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105  a Path of it takes longer than the call
    if sync_name:
        sync_directory(directory)


def write_together(contents: Iterable[tuple[str, bytes | Path]]) -> None:
    """Write files as `replacing` does; all of them and their names are on disk before this returns.

    None has its name before its content is on disk. The contents are all on their way before the first is
    waited for, so that a file system's journal is written twice, and not twice for each. Paths are text, as
    one of `Path` takes longer than a file.
    """
    changed: dict[str, None] = {}
    files: list[tuple[int, str, str]] = []
    token = token_hex(8)
    try:
        for path, content in contents:
            directory = path.rpartition("/")[0]
            if directory not in changed:
                make_directory(directory, on_change=changed.setdefault)
                changed.setdefault(directory)
            temporary = f"{directory}/.{token}{len(files)}.part"
            descriptor = os.open(temporary, CREATE_FILE, 0o600)
            files.append((descriptor, temporary, path))
            _fill(descriptor, content)
        for descriptor, _, _ in files:
            os.fsync(descriptor)
        for _, temporary, path in files:
            os.replace(temporary, path)  # noqa: PTH105  likewise
    except BaseException:
        for _, temporary, _ in files:
            with suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108  likewise
        raise
    finally:
        for descriptor, _, _ in files:
            os.close(descriptor)
    for directory in changed:
        flush_entries(directory)


@contextmanager
def _beside(directory: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Yield a new file in a directory, and its path; where the block fails it is removed."""
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, temporary
    except BaseException as exc:
        if isinstance(exc, OSError) and exc.errno in NO_ROOM | {errno.EFBIG} and exc.filename is None:
            exc.filename = os.fspath(directory)  # a failed write does not name its file
        with suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108  a Path of it takes longer than the call
        raise


def _fill(descriptor: int, content: bytes | Path) -> None:
    """Write a file's content, and have the disk begin with it."""
    if isinstance(content, bytes):
        write_all(descriptor, content)
    else:
        with content.open("rb") as source, open(descriptor, "wb", closefd=False) as target:
            shutil.copyfileobj(source, target)
    if hasattr(os, "posix_fadvise"):  # Linux starts writing the file at this hint; macOS has no such call
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def make_directory(directory: str, *, on_change: Callable[[str], object] | None = None) -> None:
    """Make a directory and those above it so that they survive a crash.

    Args:
        directory: Which.
        on_change: Called with each directory that has a new one in it, for the caller to bring to disk;
            None: that is done here.
    """
    if os.path.isdir(directory):  # noqa: PTH112  likewise
        return
    parent = os.path.dirname(directory) or "."  # noqa: PTH120
    make_directory(parent, on_change=on_change)
    with suppress(FileExistsError):  # by another at the same time; what is none fails later
        os.mkdir(directory)  # noqa: PTH102
    (on_change or flush_entries)(parent)


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
                f"There is no room left on the disk for {what}; nothing was written. Free some space and "
                "try again."
            ) from exc
        raise StorageUnavailableError(f"Reading or writing {what} failed: {exc.strerror or exc}.") from exc


def sync_directory(directory: Path) -> None:
    """Bring the names in a directory to disk."""
    flush_entries(str(directory))
