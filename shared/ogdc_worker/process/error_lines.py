"""Selects the lines in a failed program's output that say why it failed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX = 3
"""Number of lines to quote."""
_ERROR = re.compile(r"(\S+: )*(error|failure|fatal|critical|panic)\b[\w -]{0,20}:", re.IGNORECASE)
"""Matches `ERROR 4: …`, `FAILURE: …`, `gdal_calc.py: error: …`."""
_JOINED = re.compile(r"(?:(?<=FAILURE)|(?<=^parallel: This job failed)):\s*\n", re.MULTILINE)
"""GDAL's programs write the failure on the line after `FAILURE:`, and GNU parallel the job's command."""
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt)(:|$)")
"""The last line of a traceback, which is not indented."""
_COMPLAINT = re.compile(
    r"\b(error|failed|failure|fatal|cannot|can't|could(n't| not)|unable to|not found|no such|denied|invalid"
    r"|unbound variable|illegal|unknown|unrecogni[sz]ed|not recogni[sz]ed|killed|aborted|terminated"
    r"|segmentation fault|no space|out of memory|core dumped)\b",
    re.IGNORECASE,
)
_ECHO = re.compile(r"\S.*: (Error is not recoverable: exiting now|Exiting with failure status due to .*)$")
"""Final messages of tar that repeat only that there were errors."""
_USAGE = re.compile(r"\s*(usage\b|-|\[|<)", re.IGNORECASE)
"""The beginning of a line of a program's usage message."""


def error_lines(output: str) -> str:
    """Return up to three lines from the end of a program's output that say why it failed.

    These are the first lines marked as errors, else lines that contain an error word, else the last lines. Of
    a line that overwrote itself with carriage returns, only the last state counts.
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
    """Return the first distinct lines marked as errors; of several tracebacks only the last."""
    found = list(dict.fromkeys(line for line in lines if _ERROR.match(line) or _EXCEPTION.match(line)))
    exceptions = [line for line in found if _EXCEPTION.match(line)]
    return [line for line in found if line not in exceptions[:-1]][:_MAX]


def _complaints(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if _COMPLAINT.search(line) and not _USAGE.match(line)][:_MAX]
