"""Temporary directories that are locked (flock) while in use.

A killed process leaves its directories, but the system releases its locks. So a directory that is not locked
was left by a process that has ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from ogdc_shared.file_lock import try_lock
from ogdc_shared.open_flags import READ_DIRECTORY
from ogdc_shared.removal import remove


@contextmanager
def locked_directory(place: Path, prefix: str) -> Iterator[Path]:
    """Create a directory in `place`, and remove it afterwards.

    Raises:
        OSError: it cannot be created or locked, or `remove_abandoned` removed it before it was locked.
    """
    with ExitStack() as opened, ExitStack() as made:  # this order removes it before unlocking it
        directory = mkdtemp(prefix=prefix, dir=place)
        made.callback(remove, directory)
        descriptor = os.open(directory, READ_DIRECTORY)
        opened.callback(os.close, descriptor)
        if not try_lock(descriptor) or os.fstat(descriptor).st_nlink == 0:
            raise FileNotFoundError(f"{directory}: another process has removed it")
        yield Path(directory)


def remove_abandoned(place: Path, prefix: str) -> None:
    """Remove directories that `locked_directory` created in `place` for processes that were killed."""
    for directory in place.glob(f"{prefix}*"):
        with suppress(OSError):  # it is not a directory, or another process is removing it
            _remove_unless_locked(directory)


def _remove_unless_locked(directory: Path) -> None:
    descriptor = os.open(directory, READ_DIRECTORY)
    try:
        if os.fstat(descriptor).st_uid == os.geteuid() and try_lock(descriptor):
            remove(directory)
    finally:
        os.close(descriptor)
