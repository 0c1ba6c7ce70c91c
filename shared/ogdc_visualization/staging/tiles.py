"""Which tiles polygons are in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from ogdc_visualization.batches import batches, expand
from ogdc_visualization.grid import Grid

_EDGE = 1e-11
"""How far, in units of the CRS, the bounds of a file are drawn in before its tiles are counted."""
_BATCH = 1 << 18
"""Pairs of polygon and tile that are compared at once."""


class Placed(NamedTuple):
    """Polygons in tiles: for each of both one entry in each array, in the order of the polygons."""

    feature: NDArray[np.int64]
    x: NDArray[np.int64]
    y: NDArray[np.int64]


def place(geometries: NDArray[np.object_], grid: Grid, level: int) -> Placed:
    """Return the tiles of a level that each polygon (n,) of one file intersects, those it only touches too.

    But none beyond the tiles that the bounds of the file are in.
    """
    side, (columns, rows) = grid.side_at(level), grid.size_at(level)
    bounds = shapely.bounds(geometries)
    low_x, high_x = (bounds[:, 0] - grid.west) / side, (bounds[:, 2] - grid.west) / side
    low_y, high_y = (grid.north - bounds[:, 3]) / side, (grid.north - bounds[:, 1]) / side
    edge = _EDGE / side
    x0, x1 = _range(low_x, high_x, edge, columns)
    y0, y1 = _range(low_y, high_y, edge, rows)
    counts = np.maximum(x1 - x0 + 1, 0) * np.maximum(y1 - y0 + 1, 0)
    found = [
        _place(geometries, batch, (x0, x1, y0), counts, grid, level) for batch in batches(counts, _BATCH)
    ]
    return Placed(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _range(
    low: NDArray[np.float64], high: NDArray[np.float64], edge: float, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and last tile along one direction, touched ones included."""
    first = max(int(np.floor(low.min() + edge)), 0)
    last = min(int(np.floor(high.max() - edge)), size - 1)
    return (
        np.maximum(np.ceil(low).astype(np.int64) - 1, first),
        np.minimum(np.floor(high).astype(np.int64), last),
    )


def _place(  # noqa: PLR0917  one place calls it
    geometries: NDArray[np.object_],
    which: slice,
    ranges: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    counts: NDArray[np.int64],
    grid: Grid,
    level: int,
) -> Placed:
    x0, x1, y0 = (each[which] for each in ranges)
    count = counts[which]
    feature, number = expand(count)
    width = np.maximum(x1 - x0 + 1, 1)[feature]
    x, y = x0[feature] + number % width, y0[feature] + number // width
    side = grid.side_at(level)
    unsure = np.flatnonzero(count[feature] > 1)
    west, north = grid.west + x[unsure] * side, grid.north - y[unsure] * side
    boxes = shapely.box(west, north - side, west + side, north)
    meets = np.ones(len(feature), bool)
    meets[unsure] = shapely.intersects(geometries[which][feature[unsure]], boxes)
    return Placed(feature[meets] + which.start, x[meets], y[meets])


def tiles_of_points(
    points: NDArray[np.float64], grid: Grid, level: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return column and row of the tile that each point (n, 2) is in.

    A tile has its right and its upper edge: x in (left, right], y in (bottom, top].
    """
    side = grid.side_at(level)
    x, y = (points[:, 0] - grid.west) / side, (grid.north - points[:, 1]) / side
    return np.ceil(x).astype(np.int64) - 1, np.floor(y).astype(np.int64)
