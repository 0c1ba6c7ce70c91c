"""Tiles of a level as one number each, so that what lies near each other has numbers near each other.

The bits of column and row alternate (Morton's order, or Z-order): the four tiles below tile `n` are `4n` to
`4n + 3` of the next level, as `Tile.children` has them, and all that is below a tile is one range of numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]

_STEPS = (
    (16, 0x0000_FFFF_0000_FFFF),
    (8, 0x00FF_00FF_00FF_00FF),
    (4, 0x0F0F_0F0F_0F0F_0F0F),
    (2, 0x3333_3333_3333_3333),
    (1, 0x5555_5555_5555_5555),
)


def encode(x: NDArray[np.int64], y: NDArray[np.int64]) -> Codes:
    """Return the numbers of tiles by their columns and rows, each below 2³¹ and not negative."""
    return _spread(x) | _spread(y) << 1


def decode(codes: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return columns and rows."""
    return _gather(codes), _gather(codes >> 1)


def _spread(values: NDArray[np.int64]) -> Codes:
    """Put a zero before each bit."""
    found = np.asarray(values, np.int64)
    for shift, mask in _STEPS:
        found = (found | found << shift) & mask
    return found


def _gather(codes: Codes) -> NDArray[np.int64]:
    """Take every second bit, from the lowest on."""
    found = np.asarray(codes, np.int64) & _STEPS[-1][1]
    for (shift, _), (_, mask) in zip(
        reversed(_STEPS), [*reversed(_STEPS[:-1]), (0, 0xFFFF_FFFF)], strict=True
    ):
        found = (found | found >> shift) & mask
    return found
