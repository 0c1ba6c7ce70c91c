"""Errors that GDAL wrote and a program did not end with: it goes on without the tile it could not open.

Source: CPLDefaultErrorHandler in port/cpl_error.cpp of GDAL ("ERROR %d: %s"); apps/gdalbuildvrt_lib.cpp
("Warning 1: Can't open %s. Skipping it").
"""

from __future__ import annotations

_MARKS = (b"ERROR ", b"kipping")
_MAX_LINE = 4096
_PATTERN = rb"(?:^|[\r.\d])(ERROR \d+: [^\r\n]*|Warning \d+: [^\r\n]*[Ss]kipping[^\r\n]*)"
"""A progress bar (`0...10...20`) may be on the same line, before it."""


class GdalErrors:
    """Looks at what a command writes, piece by piece.

    Attributes:
        first: The first such line; empty where there is none.
        count: How many there are.
    """

    def __init__(self) -> None:
        self.first = ""
        self.count = 0
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """Look at the next piece; a line may be cut anywhere."""
        text = self._rest + piece
        whole, newline, rest = text.rpartition(b"\n")
        self._rest = rest[-_MAX_LINE:]
        if newline and any(mark in whole for mark in _MARKS):
            self._look(whole)

    def close(self) -> None:
        """Look at the last line, which need not have an end."""
        if any(mark in self._rest for mark in _MARKS):
            self._look(self._rest)
        self._rest = b""

    def _look(self, text: bytes) -> None:
        import re  # most commands make no errors

        for match in re.finditer(_PATTERN, text, re.MULTILINE):
            self.count += 1
            self.first = self.first or match[1].decode(errors="replace").strip()
