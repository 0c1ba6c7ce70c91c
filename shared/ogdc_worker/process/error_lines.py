"""Which lines of what a failed program wrote say why: its errors, not the end of its help."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX = 3
"""Lines that are quoted."""
_ERROR = re.compile(r"(\S+: )*(error|failure|fatal|critical|panic)\b[\w -]{0,20}:", re.IGNORECASE)
"""Such as `ERROR 4: …`, `FAILURE: …`, `gdal_calc.py: error: …`."""
_JOINED = re.compile(r"(?<=FAILURE):\s*\n")
"""GDAL's programs say what the failure is in the next line."""
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)(:|$)")
"""The last line of a traceback; it begins at the margin."""
_COMPLAINT = re.compile(
    r"\b(error|failed|failure|fatal|cannot|can't|could(n't| not)|unable to|not found|no such|denied|invalid"
    r"|unbound variable|illegal|unknown|unrecogni[sz]ed|not recogni[sz]ed|killed|aborted|terminated"
    r"|segmentation fault|no space|out of memory|core dumped)\b",
    re.IGNORECASE,
)
_ECHO = re.compile(r"\S.*: (Error is not recoverable: exiting now|Exiting with failure status due to .*)$")
"""What tar says after its errors, which says nothing of them."""
_USAGE = re.compile(r"\s*(usage\b|-|\[|<)", re.IGNORECASE)
"""How a line of a program's help begins."""


def error_lines(output: str) -> str:
    """Choose from the end of a program's output what says why it failed.

    The first lines that are marked as errors; without such, those that sound like one, in the order they
    were written; without such, the last lines. A line that overwrote itself counts as its last state.
    """
    lines = [line for line in map(_last_state, _JOINED.sub(": ", output).split("\n")) if line.strip()]
    lines = [line for line in lines if not _ECHO.match(line)] or lines
    for chosen in (_marked(lines), _complaints(lines), lines[-_MAX:]):
        if chosen:
            return "\n".join(chosen)
    return ""


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2].rstrip()


def _marked(lines: Iterable[str]) -> list[str]:
    """The first lines marked as errors, each once; of tracebacks the last, which the others led to."""
    found = list(dict.fromkeys(line for line in lines if _ERROR.match(line) or _EXCEPTION.match(line)))
    exceptions = [line for line in found if _EXCEPTION.match(line)]
    return [line for line in found if line not in exceptions[:-1]][:_MAX]


def _complaints(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if _COMPLAINT.search(line) and not _USAGE.match(line)][:_MAX]
