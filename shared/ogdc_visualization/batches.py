"""Arrays of which each entry stands for several: as many as a count says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def batches(counts: Counts, most: int) -> Iterator[slice]:
    """Divide entries (n,) into runs that stand for `most` together; an entry that alone has more is one."""
    ends = np.cumsum(counts)
    begin = 0
    while begin < len(counts):
        before = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, before + most, side="right")))
        yield slice(begin, end)
        begin = end


def expand(counts: Counts) -> tuple[Counts, Counts]:
    """Return for all that entries (n,) stand for, in their order: its entry, and its number there from 0."""
    entry = np.repeat(np.arange(len(counts)), counts)
    return entry, np.arange(len(entry)) - np.repeat(np.cumsum(counts) - counts, counts)
