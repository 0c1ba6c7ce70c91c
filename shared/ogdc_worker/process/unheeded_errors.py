"""Errors that a command wrote and did not end with.

GDAL goes on without the tile it could not open; bash when the substitution in an argument ended over a
variable without a value.

Source: CPLDefaultErrorHandler in port/cpl_error.cpp of GDAL ("ERROR %d: %s"); apps/gdalbuildvrt_lib.cpp
("Warning 1: Can't open %s. Skipping it"), port/cpl_recode.cpp and
ogr/ogrsf_frmts/shape/shape2ogr.cpp; report_error and err_unboundvar in bash's error.c.
"""

from __future__ import annotations

from typing import NamedTuple

_MAX_LINE = 4096
_LOSS = (
    rb"(?:[Ss]kipp(?:ing|ed)\b|not successfully written|converted correctly|nteger overflow|been clamped"
    rb"|(?:been|be|being|string) truncated|[Tt]runcating it|[Dd]iscarding|[Dd]ropping precision"
    rb"|not supported in GPX schema|Consequently they will be ignored)"
)
"""What GDAL's warnings have that tell of features, values or letters it left out or changed."""
_HARMLESS = rb"Field [^\r\n]* of width \d+ truncated"
"""A declared width; of a value that does not fit there is a line of its own."""


class _Writer(NamedTuple):
    """Who writes such lines, and how they look."""

    kind: str
    """Of the warning."""
    name: str
    marks: tuple[bytes, ...]
    """Without one of these there is none: looked for first, being quick to find."""
    pattern: bytes


_WRITERS = (
    # A progress bar (`0...10...20`) may be on the same line, before it.
    _Writer(
        "gdal_error",
        "GDAL",
        (b"ERROR ", b"Warning "),
        rb"(?:^|[\r.\d])(ERROR \d+: [^\r\n]*|Warning \d+: (?!"
        + _HARMLESS
        + rb")[^\r\n]*"
        + _LOSS
        + rb"[^\r\n]*)",
    ),
    _Writer(
        "shell_error",
        "the shell",
        (b"unbound variable", b"bad substitution", b"division by 0"),
        rb"^(bash: (?:line )?\d+: [^\r\n]*(?:unbound variable|bad substitution|division by 0)\b[^\r\n]*)",
    ),
)


class Unheeded(NamedTuple):
    """Lines that one writer wrote."""

    kind: str
    writer: str
    first: str
    lines: int


class UnheededErrors:
    """Looks at what a command writes, piece by piece."""

    def __init__(self) -> None:
        self._found: dict[str, Unheeded] = {}
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """Look at the next piece; a line may be cut anywhere."""
        whole, newline, rest = (self._rest + piece).rpartition(b"\n")
        self._rest = rest[-_MAX_LINE:]
        if newline:
            self._look(whole)

    def close(self) -> list[Unheeded]:
        """Look at the last line, which need not have an end; returns what was found of each writer."""
        self._look(self._rest)
        self._rest = b""
        return list(self._found.values())

    def _look(self, text: bytes) -> None:
        for writer in _WRITERS:
            if any(mark in text for mark in writer.marks):
                self._take(writer, text)

    def _take(self, writer: _Writer, text: bytes) -> None:
        import re  # most commands make no errors

        for match in re.finditer(writer.pattern, text, re.MULTILINE):
            line = match[1].decode(errors="replace").strip()
            known = self._found.get(writer.kind, Unheeded(writer.kind, writer.name, line, 0))
            self._found[writer.kind] = known._replace(lines=known.lines + 1)
