"""A log file with a size limit.

When the log grows beyond it, the beginning and the end are kept, with a line between them that says how much
was dropped. A full disk drops output instead of failing.
"""

from __future__ import annotations

import os
from contextlib import suppress

_PIECE = 1024 * 1024


class BoundedLog:
    """An open log.

    Attributes:
        size: Current size in bytes.
    """

    def __init__(self, path: str, *, limit: int, setting: str = "") -> None:
        """Open the log for appending.

        Args:
            path: The file; created if needed.
            limit: Maximum size in bytes.
            setting: Name of the setting for the limit, shown where output was dropped.

        Raises:
            OSError: it cannot be opened.
        """
        self._limit = limit
        self._setting = f" ({setting})" if setting else ""
        self._left_out = 0
        """Bytes dropped from the middle."""
        self._lost = 0
        """Bytes that could not be written since the last successful write."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.size = os.lseek(self._file, 0, os.SEEK_END)

    def write(self, content: bytes | memoryview) -> None:
        """Append as much as fits on the disk."""
        if self._lost and self._append(f"\n[ogdc-runner] {self._lost} bytes were lost: no room.\n".encode()):
            self._lost += len(content)
            return
        self._lost = self._append(content)
        if self.size > self._limit:
            self._shorten()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _append(self, content: bytes | memoryview) -> int:
        """Append, and return how many bytes could not be written."""
        left = memoryview(content)
        with suppress(OSError):
            while left:
                written = os.pwrite(self._file, left, self.size)
                self.size += written
                left = left[written:]
        return len(left)

    def _shorten(self) -> None:
        """Keep the first half and the last quarter of the limit, and note what was dropped."""
        head, tail = self._limit // 2, self._limit // 4
        start = self.size - tail
        with suppress(OSError):
            start += os.pread(self._file, min(tail, 65536), start).find(b"\n") + 1
            self._left_out += start - head
            mark = (
                f"\n[ogdc-runner] {self._left_out:015} bytes of this log are left out here: it may have "
                f"{self._limit}{self._setting}.\n"
            ).encode()
            os.pwrite(self._file, mark, head)
            place = head + len(mark)
            while piece := os.pread(self._file, min(_PIECE, self.size - start), start):
                os.pwrite(self._file, piece, place)
                start, place = start + len(piece), place + len(piece)
            os.ftruncate(self._file, place)
            self._left_out -= len(mark)
            self.size = place
