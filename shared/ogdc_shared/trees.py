"""Operations on directories of the workflow volume: emptying, moving, flushing to disk.

All may be interrupted at any point and repeated. Links are never followed.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.removal import remove
from ogdc_shared.walking import is_directory, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WRITE = 0o222
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_MAX_SYNCED = 200
"""Maximum number of files to flush one by one. For more, the whole file system is flushed, which is far
faster: 20,000 files take a second instead of 20."""
_FEW, _AT_ONCE = 3, 8
"""Up to this many files are flushed without threads; number of threads for more."""


def move_children(target: str, *sources: str) -> None:
    """Move the content of directories into `target`, by renaming if possible, and flush it to disk.

    Directories with the same name are merged. The caller has to rule out other equal names, since one of the
    files would be lost.
    """
    changed = {target}
    for source in sources:
        changed.update(_moved_into(target, source))
    for directory in changed:
        flush_entries(directory)


def carry_along(target: str, source: str, names: Sequence[str]) -> None:
    """Move files and directories (paths relative to `source`) to `target`, unless they exist there.

    Directories with the same name are merged. A file that exists in `target` is kept.
    """
    pending = [name for name in names if os.path.lexists(f"{source}/{name}")]
    changed = set()
    while pending:
        name = pending.pop()
        moved, place = f"{source}/{name}", f"{target}/{name}"
        if is_directory(moved) and is_directory(place):
            pending += [f"{name}/{inner}" for inner in os.listdir(moved)]
        elif not os.path.lexists(place):
            os.makedirs(os.path.dirname(place), exist_ok=True)
            _rename(moved, place)
            changed.add(os.path.dirname(place))
    for directory in changed:
        flush_entries(directory)


def make_read_only(directory: str) -> None:
    """Remove write permission from everything in a directory, if it exists.

    This keeps commands from accidentally changing what later ones read; it is no protection against malice.
    """
    if not os.access(directory, os.W_OK):
        return
    for _, entry in walk(directory):
        if not entry.is_symlink():
            os.chmod(entry.path, stat.S_IMODE(entry.stat().st_mode) & ~_WRITE)
    os.chmod(directory, stat.S_IMODE(os.stat(directory).st_mode) & ~_WRITE)


def flush(directory: str) -> None:
    """Flush everything below a directory to disk.

    Unreadable files are skipped, and so are special files, since opening one may block forever.

    Raises:
        PublishError: see `walk`.
    """
    paths = [
        entry.path
        for _, entry in walk(directory)
        if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
    ]
    if len(paths) > _MAX_SYNCED:
        _sync_file_system(directory)
        return
    _sync_all(paths)
    flush_entries(directory)


def flush_entries(directory: str) -> None:
    """Flush the names in a directory to disk, but not the content of its files."""
    _sync(directory)


def write_durably(path: str, content: bytes) -> None:
    """Replace a small file atomically and durably."""
    with open(f"{path}.new", "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.rename(f"{path}.new", path)
    flush_entries(os.path.dirname(path))


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of a content; the system may write less at once."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def exchange(one: str, other: str) -> bool:
    """Exchange two directories atomically; False if the file system cannot, as on NFS.

    Source: renameat2(2) with RENAME_EXCHANGE, which os lacks.
    """
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    names = (os.fsencode(one), os.fsencode(other))
    done = library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(_RENAME_EXCHANGE))
    return bool(done == 0)


def _sync_file_system(directory: str) -> None:
    """Flush the whole file system of a directory to disk.

    Source: syncfs(2), which os lacks; since Linux 5.8 it reports write errors.
    """
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "syncfs"):  # macOS
        os.sync()
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if library.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), directory)
    finally:
        os.close(descriptor)


def _sync_all(paths: Sequence[str]) -> None:
    """Flush files to disk with several threads, which is much faster than one by one.

    Raises:
        OSError: a file could not be flushed; the others were.
    """
    if len(paths) <= _FEW:
        for path in paths:
            _sync(path)
        return
    from threading import Thread

    todo, failures = iter(paths), list[OSError]()

    def work() -> None:
        for path in todo:
            try:
                _sync(path)
            except OSError as exc:
                failures.append(exc)

    threads = [Thread(target=work, daemon=True) for _ in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _sync(path: str) -> None:
    with suppress(PermissionError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _moved_into(target: str, source: str) -> Iterator[str]:
    """Move without flushing, and yield the other directories that something was moved into."""
    pending, merged = [(target, source)], []
    while pending:
        target, source = pending.pop()
        with os.scandir(source) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_a_directory in found:
            moved, place = f"{source}/{name}", f"{target}/{name}"
            if is_a_directory and is_directory(place):
                yield place
                pending.append((place, moved))
                merged.append(moved)
            else:
                _rename(moved, place)
    for directory in reversed(merged):
        os.rmdir(directory)


def _rename(source: str, target: str) -> None:
    """Rename a file or directory; a read-only directory is made writable, since moving changes its `..`."""
    try:
        os.rename(source, target)
    except PermissionError:
        if not is_directory(source):
            raise
        mode = stat.S_IMODE(os.lstat(source).st_mode)
        os.chmod(source, mode | stat.S_IRWXU)
        os.rename(source, target)
        os.chmod(target, mode)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        _move_by_copying(source, target)


def _move_by_copying(source: str, target: str) -> None:
    """Move between file systems, or between parts of one with separate quotas."""
    from ogdc_shared.copying import copy_file, copy_tree  # rarely needed

    draft = f"{os.path.dirname(target)}/.ogdc-draft"
    remove(draft)
    umask = os.umask(0)  # keep permissions
    try:
        if is_directory(source):
            copy_tree(source, draft)
            flush(draft)
        elif os.path.islink(source):
            os.symlink(os.readlink(source), draft)
        else:
            copy_file(source, draft)
            _sync(draft)
    finally:
        os.umask(umask)
    os.rename(draft, target)
    remove(source)
