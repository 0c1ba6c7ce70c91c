"""The cells of one tile, and where polygons and points lie on them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from ogdc_visualization.batches import batches, expand
from ogdc_visualization.grid import Bounds

_NOTHING = 1e-12
"""Shares of a cell below this are what arithmetic leaves of a polygon that only touches it."""
_MAX_ENTRIES = 1 << 22
"""Cells of polygons' windows that are held at once, of 8 bytes each, several times."""


class Cells(NamedTuple):
    """A raster of `rows` by `columns` equal cells over a rectangle; row 0 is the northernmost."""

    bounds: Bounds
    rows: int
    columns: int

    @property
    def width(self) -> float:
        """Of one cell, in units of the CRS."""
        return (self.bounds.east - self.bounds.west) / self.columns

    @property
    def height(self) -> float:
        """Of one cell, in units of the CRS."""
        return (self.bounds.north - self.bounds.south) / self.rows

    def scaled(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return points (n, 2) in cells to the right of the western and below the northern edge."""
        return (
            (points[:, 0] - self.bounds.west) / self.width,
            (self.bounds.north - points[:, 1]) / self.height,
        )


class Pieces(NamedTuple):
    """Polygons cut by cells: for each polygon and each cell that it covers some of, one entry in each array.

    Attributes:
        feature: The polygon's index.
        cell: The cell's index, `row * columns + column`.
        share: Which part of the cell is covered: above 0, and 1 where all of it is.
    """

    feature: NDArray[np.int64]
    cell: NDArray[np.int64]
    share: NDArray[np.float64]


def cells_of_points(points: NDArray[np.float64], cells: Cells) -> NDArray[np.int64]:
    """Return the index of the cell that each point (n, 2) is in, of the nearest for those outside.

    A cell has its right and its lower edge: x in (left, right], y in [bottom, top).
    """
    u, v = cells.scaled(points)
    column = np.clip(np.ceil(u) - 1, 0, cells.columns - 1)
    row = np.clip(np.ceil(v) - 1, 0, cells.rows - 1)
    return np.asarray(row * cells.columns + column, np.int64)


def cut(geometries: NDArray[np.object_], cells: Cells) -> Pieces:
    """Cut valid polygons and multipolygons (n,) along cells; sorted by polygon, then by cell.

    Each cell's share is exact except for rounding. An edge that descends by `d` rows within one cell covers
    `d` of each cell to its right and, of its own, the part to the right of its middle; edges on the other
    side are subtracted in the same way, and the polygon's area remains.
    """
    windows = _Windows.of(geometries, cells)
    sizes = windows.columns * windows.rows
    found = [_cut(geometries, cells, windows, batch) for batch in batches(sizes, _MAX_ENTRIES)]
    return Pieces(*(np.concatenate(parts) for parts in zip(*found, strict=True))) if found else _NONE


_NONE = Pieces(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


class _Windows(NamedTuple):
    """For each polygon the rectangle of cells that it can touch, and a column more on the right."""

    left: NDArray[np.int64]
    top: NDArray[np.int64]
    columns: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, geometries: NDArray[np.object_], cells: Cells) -> _Windows:
        bounds = shapely.bounds(geometries)
        left, bottom = cells.scaled(bounds[:, :2])
        right, top = cells.scaled(bounds[:, 2:])
        outside = (right <= 0) | (left >= cells.columns) | (bottom <= 0) | (top >= cells.rows)
        first_column, last_column = (np.clip(np.floor(e), 0, cells.columns - 1) for e in (left, right))
        first_row, last_row = (np.clip(np.floor(e), 0, cells.rows - 1) for e in (top, bottom))
        rows = np.where(outside, 0, last_row - first_row + 1)
        sizes = (first_column, first_row, last_column - first_column + 3, rows)
        return cls(*(np.nan_to_num(each).astype(np.int64) for each in sizes))


def _cut(
    geometries: NDArray[np.object_], cells: Cells, windows: _Windows, batch: slice
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    left, top, width, height = (each[batch] for each in windows)
    feature, u, v, down = _edges_in_cells(geometries[batch], cells)
    row = np.floor(v)
    kept = (row >= 0) & (row < cells.rows) & (height[feature] > 0)
    feature, down, row = feature[kept], down[kept], row[kept].astype(np.int64)
    u = np.clip(u[kept], 0, cells.columns)
    column = np.floor(u).astype(np.int64)
    sizes = width * height
    start = np.cumsum(sizes) - sizes
    place = start[feature] + (row - top[feature]) * width[feature] + column - left[feature]
    total = int(sizes.sum())
    right_of = down * (column + 1 - u)
    share = np.cumsum(
        np.bincount(place, right_of, total + 1) + np.bincount(place + 1, down - right_of, total + 1)
    )[:total]
    at = np.flatnonzero(share > _NOTHING)
    owner = np.searchsorted(start, at, side="right") - 1
    offset = at - start[owner]
    cell_row, cell_column = top[owner] + offset // width[owner], left[owner] + offset % width[owner]
    inside = cell_column < cells.columns
    cell = cell_row * cells.columns + cell_column
    return owner[inside] + batch.start, cell[inside], np.minimum(share[at][inside], 1.0)


def _edges_in_cells(
    geometries: NDArray[np.object_], cells: Cells
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Divide all edges where they cross from cell to cell.

    Returns:
        For each part its polygon, its middle in cells (u to the right, v downwards), how far it goes down.
    """
    feature, points = _rings(geometries, cells)
    u0, v0, u1, v1 = points
    sloping = v0 != v1
    feature, u0, v0, u1, v1 = (each[sloping] for each in (feature, u0, v0, u1, v1))
    edges = np.arange(len(u0))
    by_column, at_column = _crossings(u0, u1, cells.columns)
    by_row, at_row = _crossings(v0, v1, cells.rows)
    edge = np.concatenate((edges, by_column, by_row))
    t = np.concatenate((np.zeros(len(edges)), at_column, at_row))
    order = np.lexsort((t, edge))
    edge, t = edge[order], t[order]
    is_last = np.append(edge[1:] != edge[:-1], True) if len(edge) else np.empty(0, bool)
    until = np.where(is_last, 1.0, np.append(t[1:], 1.0) if len(t) else t)
    u = u0[edge] + (u1 - u0)[edge] * (t + until) / 2
    begin = v0[edge] + (v1 - v0)[edge] * t
    end = np.where(is_last, v1[edge], np.append(begin[1:], 0.0) if len(begin) else begin)
    return feature[edge], u, (begin + end) / 2, end - begin


def _rings(
    geometries: NDArray[np.object_], cells: Cells
) -> tuple[NDArray[np.int64], tuple[NDArray[np.float64], ...]]:
    """Return all edges of all rings in cells (u0, v0, u1, v1) with their polygons; holes go the other way."""
    parts, of_part = shapely.get_parts(geometries, return_index=True)
    rings, of_ring = shapely.get_rings(shapely.orient_polygons(parts), return_index=True)
    points, of_point = shapely.get_coordinates(rings, return_index=True)
    u, v = cells.scaled(points)
    joined = of_point[1:] == of_point[:-1]
    feature = of_part[of_ring[of_point[:-1][joined]]]
    return feature, (u[:-1][joined], v[:-1][joined], u[1:][joined], v[1:][joined])


def _crossings(
    begin: NDArray[np.float64], end: NDArray[np.float64], lines: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find where edges cross the lines 0 to `lines`: for each its edge and how far along (0 to 1)."""
    first = np.maximum(np.floor(np.minimum(begin, end)) + 1, 0)
    last = np.minimum(np.ceil(np.maximum(begin, end)) - 1, lines)
    count = np.maximum(last - first + 1, 0).astype(np.int64)
    edge, number = expand(count)
    line = first[edge] + number
    return edge, (line - begin[edge]) / (end - begin)[edge]
