"""Copying files created by others: content, modification time and ordinary permissions only.

The copy belongs to the copying user and respects the umask; setuid, setgid, capabilities and access control
lists are never copied. Sparse files stay sparse.

Source: lseek(2), SEEK_DATA and SEEK_HOLE; POSIX permissions, chmod(2).
"""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from typing import TYPE_CHECKING

from ogdc_shared.forks import in_processes, shares_of
from ogdc_shared.open_flags import READ_FILE
from ogdc_shared.removal import remove
from ogdc_shared.walking import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PIECE = 1 << 20
_BLOCK = 4096
_PERMISSIONS = 0o777
_BATCH, _SHARE = 20_000, 500
"""Number of files that are listed before they are copied, and minimum number for a process."""


def copy_tree(source: str, target: str) -> None:
    """Copy the content of a directory to another, which is created if needed.

    Links are copied as links. Existing directories are merged, anything else must not exist yet.

    Raises:
        OSError: something cannot be read or written, exists already, or is a pipe or device.
    """
    os.makedirs(target, exist_ok=True)
    directories, files = [(source, target)], list[tuple[str, str]]()
    for name, entry in walk(source):
        place = f"{target}/{name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), place)
            _set_time(place, entry.stat(follow_symlinks=False))
        elif entry.is_dir(follow_symlinks=False):
            _make_directory(place, entry.stat(follow_symlinks=False).st_mode)
            directories.append((entry.path, place))
        else:
            files.append((entry.path, place))
            if len(files) >= _BATCH:
                _copy_files(files)
                files.clear()
    _copy_files(files)
    for directory, place in reversed(directories):  # copying into a directory has changed its time
        _set_time(place, os.lstat(directory))


def _copy_files(files: Sequence[tuple[str, str]]) -> None:
    """Copy files to new paths; many files are copied by several processes."""
    in_processes(*(partial(_copy_each, share) for share in shares_of(files, least=_SHARE)))


def _copy_each(files: Sequence[tuple[str, str]]) -> None:
    for source, target in files:
        copy_file(source, target)


def copy_file(source: str, target: str) -> None:
    """Copy a regular file to a path that does not exist yet.

    Raises:
        OSError: it cannot be read, is a link, pipe or device, or the target cannot be written or exists.
    """
    reading = os.open(source, READ_FILE)
    try:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", source)
        mode = status.st_mode & _PERMISSIONS | stat.S_IRUSR
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            _copy_content(reading, writing, status)
            os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _copy_content(reading: int, writing: int, status: os.stat_result) -> None:
    size = status.st_size
    if size <= _BLOCK and status.st_blocks:  # small files cannot have holes
        _write(writing, os.pread(reading, size, 0), 0)
        return
    for start, end in _extents(reading, size):
        position = start
        while position < end and (piece := os.pread(reading, min(_PIECE, end - position), position)):
            _write(writing, piece, position)
            position += len(piece)
    os.ftruncate(writing, size)


def _write(file: int, piece: bytes, position: int) -> None:
    """Write all of a piece. The kernel may write less at once, as on a disk that is nearly full."""
    written = 0
    while written < len(piece):
        written += os.pwrite(file, piece[written:], position + written)


def _extents(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of the data in a file; the whole file if the file system cannot tell."""
    position = 0
    while position < size:
        try:
            start = os.lseek(file, position, os.SEEK_DATA)
            end = os.lseek(file, start, os.SEEK_HOLE)
        except OSError as exc:
            if exc.errno == errno.ENXIO:  # the rest is a hole
                return
            start, end = position, size
        yield start, min(end, size)
        position = end


def _make_directory(path: str, mode: int) -> None:
    try:
        os.mkdir(path, mode & _PERMISSIONS | stat.S_IRWXU)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise


def replace_by_copy(path: str, source: str) -> None:
    """Replace `path` by a copy of a file, which may be the same file, atomically.

    Raises:
        OSError: the file cannot be read, or no file can be created beside it.
    """
    draft = f"{os.path.dirname(path)}/.ogdc-draft"
    remove(draft)
    copy_file(source, draft)
    os.rename(draft, path)


def _set_time(path: str, status: os.stat_result) -> None:
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
