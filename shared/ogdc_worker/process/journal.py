"""The log of a task's work over all its tries: a file of JSON lines in its workspace.

It is only for information; no task depends on it. So it is not flushed, and a full disk ends it. A command
that manipulates it changes only the record of its own task.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_LINE = 65_536
"""Bytes; entries are much shorter."""


class Journal:
    """The journal of one task."""

    def __init__(self, path: str) -> None:
        """The file is created with the first entry."""
        self._path = path
        self._file: int | None = None
        self._read: list[dict[str, Any]] | None = None
        """The entries of a small journal since the last addition, or None if they have not been read."""

    def add(self, line: str) -> None:
        """Append an entry; errors are ignored."""
        self._read = None
        with suppress(OSError):
            if self._file is None:
                self._file = os.open(self._path, _FLAGS, 0o644)
            os.write(self._file, f"{line}\n".encode(errors="replace"))

    def entries(self) -> Iterator[dict[str, Any]]:
        """Yield the entries in order; invalid lines are skipped."""
        if self._read is not None:
            yield from self._read
            return
        try:
            file = os.open(self._path, _FLAGS & ~os.O_CREAT)
        except OSError:
            return
        with open(file, "rb") as lines:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return
            if status.st_size <= _MAX_LINE:
                self._read = list(_parsed(lines))
                yield from self._read
            else:
                yield from _parsed(lines)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _parsed(lines: BinaryIO) -> Iterator[dict[str, Any]]:
    while line := lines.readline(_MAX_LINE):
        with suppress(ValueError, RecursionError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                yield entry
