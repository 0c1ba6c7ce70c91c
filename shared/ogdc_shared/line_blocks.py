"""Reading long texts in blocks of whole lines, because work per line is slower than a disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LOG_BLOCKS = "text/vnd.ogdc.log"
"""Media type of a workflow's log as UTF-8 lines `[task] text`.

The local engine offers it in addition to the Argo Server's format, a JSON object per line.
"""


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Regroup pieces of any size so that each ends with a newline; one is added at the end if missing."""
    rest = [b""]
    for piece in pieces:
        lines, newline, beginning = piece.rpartition(b"\n")
        if newline:
            yield b"".join((*rest, lines, newline))
            rest = []
        rest.append(beginning)
    if any(rest):
        yield b"".join((*rest, b"\n"))
