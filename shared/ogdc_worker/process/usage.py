"""Resources used by processes, as reported by wait4(2)."""

from __future__ import annotations

import os
from typing import NamedTuple


class Usage(NamedTuple):
    """Resources used by several processes and the children that they waited for."""

    cpu_seconds: float = 0.0
    """User and system time."""
    max_memory: int = 0
    """Peak memory of the largest process in bytes; at least that of the worker that started it.

    Source: `ru_maxrss` in getrusage(2), which exec does not reset.
    """

    def plus(self, other: Usage) -> Usage:
        """Return the sum of times and the maximum of memory."""
        return Usage(self.cpu_seconds + other.cpu_seconds, max(self.max_memory, other.max_memory))


def wait_for(pid: int) -> tuple[int, Usage]:
    """Wait for a child; return its status, as `os.waitpid` does, and the resources it used."""
    _, status, used = os.wait4(pid, 0)
    return status, Usage(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
