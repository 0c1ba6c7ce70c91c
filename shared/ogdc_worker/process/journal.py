"""What a task has done so far, over all its tries: a file of lines of JSON in its workspace.

No task goes on from it: it is not flushed to disk, and on a full disk it ends. A command that tampers with it
changes what is recorded of its own task.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_LINE = 65_536
"""Bytes; none of ours is nearly as long."""


class Journal:
    """The journal of one task."""

    def __init__(self, path: str) -> None:
        """Open nothing yet: a task that does nothing leaves none."""
        self._path = path
        self._file: int | None = None

    def add(self, line: str) -> None:
        """Note what was done."""
        with suppress(OSError):
            if self._file is None:
                self._file = os.open(self._path, _FLAGS, 0o644)
            os.write(self._file, f"{line}\n".encode(errors="replace"))

    def entries(self) -> Iterator[dict[str, Any]]:
        """Read what was noted, in order; what is none of ours is left out."""
        try:
            file = os.open(self._path, _FLAGS & ~os.O_CREAT)
        except OSError:
            return
        with open(file, "rb") as lines:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return
            while line := lines.readline(_MAX_LINE):
                with suppress(ValueError, RecursionError):
                    entry = json.loads(line)
                    if isinstance(entry, dict):
                        yield entry

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
