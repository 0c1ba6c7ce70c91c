"""Reading long texts in blocks of whole lines, because work per line is slower than a disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LOG_BLOCKS = "text/vnd.ogdc.log"
"""Media type of a workflow's log as lines `[task] text` in UTF-8.

The local engine offers it besides the Argo Server's JSON, in which every line is an object of its own.
"""


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut pieces of any size anew, so that each ends with a newline; the last gets one if it has none."""
    rest = [b""]
    for piece in pieces:
        lines, newline, beginning = piece.rpartition(b"\n")
        if newline:
            yield b"".join((*rest, lines, newline))
            rest = []
        rest.append(beginning)
    if any(rest):
        yield b"".join((*rest, b"\n"))
