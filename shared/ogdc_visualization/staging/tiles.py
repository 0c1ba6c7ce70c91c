"""Which tiles polygons are in."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from ogdc_visualization.batches import batches, expand
from ogdc_visualization.grid import Bounds, Grid
from ogdc_visualization.morton import encode

_EDGE = 1e-11
"""How far, in units of the CRS, the bounds of a file are drawn in before its tiles are counted."""
_BATCH = 1 << 18
"""Pairs of polygon and tile that are compared at once."""


class Placed(NamedTuple):
    """Polygons in tiles: an entry for each pair of both.

    Attributes:
        feature: The polygon's number (m,).
        codes: The tile (m,), see `morton`.
    """

    feature: NDArray[np.int64]
    codes: NDArray[np.int64]


class Outer(NamedTuple):
    """The outermost columns and rows of the tiles that the bounds of a file are in."""

    west: int
    north: int
    east: int
    south: int


def outer_tiles(bounds: Bounds, grid: Grid, level: int) -> Outer:
    """Return them. A file has no polygon in tiles beyond, those that it only touches."""
    side, (columns, rows) = grid.side_at(level), grid.size_at(level)
    return Outer(
        max(math.floor((bounds.west - grid.west + _EDGE) / side), 0),
        max(math.floor((grid.north - bounds.north + _EDGE) / side), 0),
        min(math.floor((bounds.east - grid.west - _EDGE) / side), columns - 1),
        min(math.floor((grid.north - bounds.south - _EDGE) / side), rows - 1),
    )


def place(geometries: NDArray[np.object_], centroids: NDArray[np.float64], grid: Grid, level: int) -> Placed:
    """Return the tiles of a level that each polygon (n,) is in, sorted by tile (see `morton`), then polygon.

    These are the tiles that it intersects or touches, and the one of its centroid (n, 2), where it is
    counted; the centroid may lie outside the polygon.
    """
    feature, x, y = _intersected(geometries, grid, level)
    columns, rows = grid.size_at(level)
    for at_x, at_y in (tiles_of_points(centroids, grid, level), counting_tiles(centroids, grid, level)):
        inside = np.flatnonzero((at_x >= 0) & (at_x < columns) & (at_y >= 0) & (at_y < rows))
        feature = np.concatenate((feature, inside))
        x, y = np.concatenate((x, at_x[inside])), np.concatenate((y, at_y[inside]))
    codes = encode(x, y)
    order = np.lexsort((feature, codes))
    feature, codes = feature[order], codes[order]
    is_new = np.append(True, (np.diff(codes) != 0) | (np.diff(feature) != 0))[: len(codes)]
    return Placed(feature[is_new], codes[is_new])


def _intersected(
    geometries: NDArray[np.object_], grid: Grid, level: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return polygon, column and row of each pair that meets."""
    side, (columns, rows) = grid.side_at(level), grid.size_at(level)
    bounds = shapely.bounds(geometries)
    x0, x1 = _range((bounds[:, 0] - grid.west) / side, (bounds[:, 2] - grid.west) / side, columns)
    y0, y1 = _range((grid.north - bounds[:, 3]) / side, (grid.north - bounds[:, 1]) / side, rows)
    counts = np.maximum(x1 - x0 + 1, 0) * np.maximum(y1 - y0 + 1, 0)
    found = [
        _place(geometries, batch, (x0, x1, y0), counts, grid=grid, level=level)
        for batch in batches(counts, _BATCH)
    ]
    feature, x, y = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return feature, x, y


def _range(
    low: NDArray[np.float64], high: NDArray[np.float64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and last tile along one direction, touched ones included."""
    return (
        np.maximum(np.ceil(low).astype(np.int64) - 1, 0),
        np.minimum(np.floor(high).astype(np.int64), size - 1),
    )


def _place(
    geometries: NDArray[np.object_],
    which: slice,
    ranges: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    counts: NDArray[np.int64],
    *,
    grid: Grid,
    level: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
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
    return feature[meets] + which.start, x[meets], y[meets]


def tiles_of_points(
    points: NDArray[np.float64], grid: Grid, level: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return column and row of the tile that each point (n, 2) is in.

    A tile has its right and its upper edge: x in (left, right], y in (bottom, top].
    """
    side = grid.side_at(level)
    x, y = (points[:, 0] - grid.west) / side, (grid.north - points[:, 1]) / side
    return np.ceil(x).astype(np.int64) - 1, np.floor(y).astype(np.int64)


def counting_tiles(
    points: NDArray[np.float64], grid: Grid, level: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return column and row of the tile in whose raster each point (n, 2) is counted.

    A raster, like each of its cells, includes its right and its lower edge: x in (left, right], y in [bottom,
    top).
    """
    side = grid.side_at(level)
    x, y = (points[:, 0] - grid.west) / side, (grid.north - points[:, 1]) / side
    return np.ceil(x).astype(np.int64) - 1, np.ceil(y).astype(np.int64) - 1
