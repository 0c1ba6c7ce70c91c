"""How much of the processors processes have used."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def processor_seconds(pid: int) -> float:
    """Of a process and of its children, those that have ended and were waited for, too."""
    ticks = 0
    for each in [pid, *_children(pid)]:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile, and is among those
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:13]))
    ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (ticks + sum(map(int, ended[13:15]))) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
