"""What processes have used, as the kernel tells whoever waits for them."""

from __future__ import annotations

import os
from typing import NamedTuple


class Usage(NamedTuple):
    """What some processes have used, each with the children that it has waited for itself."""

    cpu_seconds: float = 0.0
    """In user and in kernel mode."""
    max_memory: int = 0
    """Bytes of memory that the largest of them had at a time; at least those of the worker that started it.

    Source: `ru_maxrss` in getrusage(2), which an exec does not set back.
    """

    def plus(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(self.cpu_seconds + other.cpu_seconds, max(self.max_memory, other.max_memory))


def wait_for(pid: int) -> tuple[int, Usage]:
    """Wait for a child; returns its status, as `os.waitpid` gives it, and what it has used."""
    _, status, used = os.wait4(pid, 0)
    return status, Usage(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
