"""Streaming a run's log to a terminal or a file; it may have hundreds of megabytes."""

from __future__ import annotations

from collections.abc import Iterable

from ogdc_cli.tasklog import described, plain, read_line
from ogdc_cli.terminal import is_plain, say, say_plain

_MAYBE_EVENT = b'{"time": '
"""What every line of the worker's own begins with, after the task."""


def show(blocks: Iterable[bytes], *, raw: bool) -> None:
    """Print a log.

    Plain text, that is nearly everything in a long log, is passed on unchanged.

    Args:
        blocks: Blocks of whole lines.
        raw: Whether to leave the worker's own JSON lines unchanged.
    """
    for block in blocks:
        as_it_is = raw or _MAYBE_EVENT not in block
        if as_it_is and is_plain(block):
            say_plain(block)
            continue
        lines = block.decode(errors="replace").removesuffix("\n").split("\n")
        say("\n".join(_shown(line, as_it_is=as_it_is) for line in lines))


def _shown(line: str, *, as_it_is: bool) -> str:
    read = read_line(line)
    text = plain(read.text) if as_it_is else described(read)
    return f"[{read.task}] {text}" if read.task else text
