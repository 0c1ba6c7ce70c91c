"""A log of what reaches the disk, and in which order, to find out what would survive a power cut.

::

    log = DiskLog(monkeypatch)
    write_durably(path, b"content")
    assert log.has(log.sync(path), log.rename(path), log.sync(directory))
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Event(NamedTuple):
    """Something done to a file or directory, which stays the same when it is renamed."""

    what: str
    inode: int


class DiskLog:
    """Records what this process syncs, renames and writes with `os` until the end of the test.

    Attributes:
        events: In their order.
        apart: Whether every two directories are on file systems of their own, as far as renaming goes.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[Event] = []
        self.apart = False
        for name, work in (("fsync", self._sync), ("fdatasync", self._sync), ("write", self._write)):
            monkeypatch.setattr(os, name, _after(getattr(os, name), work))
        for name in ("rename", "replace"):
            monkeypatch.setattr(os, name, _before(getattr(os, name), self._rename))

    def sync(self, path: Path) -> Event:
        """Return the event that syncs the content of `path`."""
        return Event("sync", os.lstat(path).st_ino)

    def rename(self, path: Path) -> Event:
        """Return the event that moved a file to `path`."""
        return Event("rename", os.lstat(path).st_ino)

    def write(self, path: Path) -> Event:
        """Return the event of a write to the file at `path`."""
        return Event("write", os.lstat(path).st_ino)

    def has(self, *wanted: Event) -> bool:
        """Whether these events happened in this order, with any others in between."""
        events = iter(self.events)
        return all(event in events for event in wanted)

    def _sync(self, descriptor: int) -> None:
        self.events.append(Event("sync", os.fstat(descriptor).st_ino))

    def _write(self, descriptor: int, _content: bytes) -> None:
        self.events.append(Event("write", os.fstat(descriptor).st_ino))

    def _rename(self, source: Any, target: Any, **places: Any) -> None:
        if self.apart and os.path.dirname(source) != os.path.dirname(target):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        inode = os.lstat(source).st_ino if not places else 0  # those of a directory's descriptor are removals
        self.events.append(Event("rename", inode))


def _after(real: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
    def noted(*arguments: Any) -> Any:
        answer = real(*arguments)
        note(*arguments)
        return answer

    return noted


def _before(real: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
    def noted(*arguments: Any, **options: Any) -> Any:
        note(*arguments, **options)
        return real(*arguments, **options)

    return noted
