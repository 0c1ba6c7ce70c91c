"""A small disk that is full at random times.

::

    filler = Filler(Path("/mnt/small"), seed=1)
    filler.make(60.0)
    assert filler.times
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

_BLOCK, _MAX_SIZE = 1 << 12, 1 << 28
_EVERY_SECONDS = 40.0
_MAX_SECONDS = 8.0


class Filler:
    """Takes all free space of a disk, and frees it some seconds later.

    Attributes:
        times: How often it did.
    """

    def __init__(self, disk: Path, *, seed: int) -> None:
        self.times = 0
        self._file = disk / "filler"
        self._chance = random.Random(seed)

    def make(self, seconds: float) -> None:
        """Fill the disk at random moments for a time; it is not full afterwards."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(self._chance.expovariate(1 / _EVERY_SECONDS), left))
            try:
                self._fill(time.monotonic() + self._chance.uniform(0.5, _MAX_SECONDS))
            finally:
                self._file.unlink(missing_ok=True)

    def _fill(self, until: float) -> None:
        """Take all free space, and what others free meanwhile."""
        self.times += 1
        with self._file.open("wb") as file:
            taken = 0
            while time.monotonic() < until:
                taken = _take_all(file.fileno(), taken)
                time.sleep(0.1)


def _take_all(file: int, taken: int) -> int:
    """Extend a file until the disk is full, and return its size."""
    size = _MAX_SIZE
    while size >= _BLOCK:
        try:
            os.posix_fallocate(file, taken, size)
        except OSError:
            size //= 2
        else:
            taken += size
    return taken
