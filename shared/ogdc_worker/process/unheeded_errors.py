"""Detects errors that a program printed although its command succeeded.

GDAL continues without a tile that it cannot open. Bash continues after a command substitution in an argument
failed on an unset variable.

Source: CPLDefaultErrorHandler in port/cpl_error.cpp of GDAL ("ERROR %d: %s");
apps/ogr2ogr_bin.cpp ("FAILURE:"); apps/gdalbuildvrt_lib.cpp ("Warning 1: Can't open %s. Skipping it"),
port/cpl_recode.cpp and ogr/ogrsf_frmts/shape/shape2ogr.cpp; report_error and err_unboundvar in
bash's error.c.
"""

from __future__ import annotations

from typing import NamedTuple

_MAX_LINE = 4096
_LOSS = (
    rb"(?:[Ss]kipp(?:ing|ed)\b|not successfully written|converted correctly|nteger overflow|been clamped"
    rb"|(?:been|be|being|string) truncated|[Tt]runcating it|[Dd]iscarding|[Dd]ropping precision"
    rb"|not supported in GPX schema|Consequently they will be ignored)"
)
"""Occurs in GDAL's warnings about features, values or characters that it dropped or changed."""
_HARMLESS = rb"Field [^\r\n]* of width \d+ truncated"
"""A warning about a declared width. Values that do not fit give a warning of their own."""

_FAILURE = b"FAILURE:"
"""Begins the messages of GDAL's programs about their arguments and files, in the same or the next line."""


class _Writer(NamedTuple):
    """How the messages of one kind of program look."""

    kind: str
    """Kind of the warning."""
    name: str
    marks: tuple[bytes, ...]
    """At least one of these occurs in any match; checked first, because it is fast."""
    pattern: bytes


_SIGNALS = (b"Killed", b"Segmentation fault", b"Bus error", b"Aborted")
"""Signals that end a program which ran out of memory, or is broken; shells report them."""
_ENDED = b"(?:" + b"|".join(_SIGNALS) + rb")\b"
_NOTICE = rb"(?:[^\s:]+: (?:line )?\d+: *| +)\d+ " + _ENDED + rb"[^\r\n]*"
"""How bash reports one: after the name of a shell, script or source, or in a pipe without one."""
_BARE_NOTICE = _ENDED + rb"(?: \(core dumped\))?[ \t\r]*$"
"""How dash does."""
_WRITERS = (
    # A progress bar (`0...10...20`) may precede it on the same line.
    _Writer(
        "gdal_error",
        "GDAL",
        (b"ERROR ", b"Warning ", _FAILURE),
        rb"(?:^|[\r.\d])(ERROR \d+: [^\r\n]*|Warning \d+: (?!"
        + _HARMLESS
        + rb")[^\r\n]*"
        + _LOSS
        + rb"[^\r\n]*|^"
        + _FAILURE
        + rb"\s*\S[^\r\n]*)",
    ),
    _Writer(
        "shell_error",
        "the shell",
        (b"unbound variable", b"bad substitution", b"division by 0", *_SIGNALS),
        rb"^(bash: (?:line )?\d+: [^\r\n]*(?:unbound variable|bad substitution|division by 0)\b[^\r\n]*|"
        + (_NOTICE + b"|" + _BARE_NOTICE)
        + b")",
    ),
)


class Unheeded(NamedTuple):
    """The error messages of one kind of program."""

    kind: str
    writer: str
    first: str
    lines: int


class UnheededErrors:
    """Scans the output of a command, piece by piece."""

    def __init__(self) -> None:
        self._found: dict[str, Unheeded] = {}
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        """Scan the next piece; it may end within a line."""
        whole, newline, rest = (self._rest + piece).rpartition(b"\n")
        if whole.endswith(_FAILURE):  # what failed follows in the next line
            whole, rest = whole[: -len(_FAILURE)], _FAILURE + newline + rest
        self._rest = rest[-_MAX_LINE:]
        if newline:
            self._look(whole)

    def close(self) -> list[Unheeded]:
        """Scan the last line, even without a newline; return what was found, per kind of program."""
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
            line = re.sub(r"\s*\n\s*", " ", match[1].decode(errors="replace").strip())
            known = self._found.get(writer.kind, Unheeded(writer.kind, writer.name, line, 0))
            self._found[writer.kind] = known._replace(lines=known.lines + 1)
