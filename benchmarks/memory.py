"""Temporary directories in memory, for the benchmarks' own files.

On ext4 without a journal, creating a file is slower for minutes after others were removed: the kernel passes
over their inodes one by one. Files of a benchmark on the measured disk would slow down what it measures.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

_MEMORY = Path("/dev/shm")


def memory_directory() -> TemporaryDirectory[str]:
    """Make a temporary directory in memory, or in the usual place if there is no `/dev/shm`."""
    return TemporaryDirectory(prefix="ogdc-bench-", dir=_MEMORY if _MEMORY.is_dir() else None)
