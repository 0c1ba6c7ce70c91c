"""Counts the programs of a task that the kernel has killed for lack of memory.

Such a program may leave no trace. The line that started it can hide its end (`|| true`, `$(…)`, xargs, a
subprocess of Python) and exit with 0.

Source: `oom_kill` in cgroup-v2.rst ("Memory Interface Files") and in mem_cgroup_oom_control_read of Linux,
mm/memcontrol-v1.c.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIELD = b"oom_kill "
_MAX_BYTES = 4096


class MemoryKills:
    """The number of programs that were killed since this was created."""

    def __init__(self, files: Sequence[str]) -> None:
        """Read the current count.

        Args:
            files: Where the kernel counts; the first that exists is read. Without any, the number stays 0.
        """
        self._file = next((file for file in files if os.path.exists(file)), None)
        self._before = self._last = 0
        self._before = self.total()

    def total(self) -> int:
        """Return the number; the last one that is known, if the file cannot be read."""
        if self._file is None:
            return 0
        with suppress(OSError, ValueError), open(self._file, "rb", buffering=0) as file:
            for line in file.read(_MAX_BYTES).splitlines():
                if line.startswith(_FIELD):
                    self._last = int(line.removeprefix(_FIELD)) - self._before
        return self._last
