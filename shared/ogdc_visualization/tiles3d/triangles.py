"""Polygons as triangles in a plane: cut to pieces in which the ellipsoid's curvature does not show first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import mapbox_earcut
import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Geometries = NDArray[np.object_]

_MAX_AREA_ERROR = 1e-9
"""How far off a polygon's area its triangles may be: more than rounding is a fault of ear clipping."""


_LINE = 1e-9
"""How near to a line of the grid a piece's end is at it, in cells."""


class Mesh(NamedTuple):
    """Triangles of several polygons; polygons share no points.

    `points` is (n, 2), in the polygons' CRS. `triangles` is (m, 3), indices of points, counter-clockwise
    with x to the right and y upwards. `features` (n) is the index of the polygon that each point belongs to.
    """

    points: Floats
    triangles: Indices
    features: Indices


def triangulate(geometries: Geometries, *, max_size: float) -> Mesh:
    """Return the triangles of valid polygons and multipolygons, holes left out.

    A polygon that is wider or higher than `max_size`, in units of its CRS, is cut along the lines of a grid
    of that size.
    """
    parts, features = cut(geometries, max_size=max_size)
    pieces = _earcut(parts)
    mesh = _join(pieces)
    wrong = np.flatnonzero(_area_errors(parts, mesh) > _MAX_AREA_ERROR)
    if len(wrong):
        for index in wrong:
            pieces[index] = _delaunay(parts[index])
        mesh = _join(pieces)
    clockwise = areas(mesh.points, mesh.triangles) < 0
    triangles = np.where(clockwise[:, None], mesh.triangles[:, ::-1], mesh.triangles)
    return Mesh(mesh.points, triangles, features[mesh.features])


def cut(geometries: Geometries, *, max_size: float) -> tuple[Geometries, Indices]:
    """Return the polygons' parts, and for each the index of its polygon.

    A polygon wider or higher than `max_size` is cut along every line of the grid of that size that it
    crosses: neighbouring pieces thus share their corners, and no gap opens between them when the points are
    placed on the ellipsoid.
    """
    parts, features = _polygons(geometries, np.arange(len(geometries)))
    large = np.isin(features, np.flatnonzero(_sizes(geometries).max(axis=1, initial=0) > max_size))
    done = [(parts[~large], features[~large])]
    parts, features = parts[large], features[large]
    while len(parts):
        axis, line = _middle_line(parts, max_size)
        crossed = axis >= 0
        done.append((parts[~crossed], features[~crossed]))
        parts, features, axis, line = parts[crossed], features[crossed], axis[crossed], line[crossed]
        halves = shapely.intersection(np.concatenate((parts, parts)), _half_boxes(parts, axis, line))
        parts, features = _polygons(halves, np.concatenate((features, features)))
    found = np.concatenate([each for each, _ in done])
    owners = np.concatenate([each for _, each in done])
    order = np.argsort(owners, kind="stable")
    return found[order], owners[order]


def areas(points: Floats, triangles: Indices) -> Floats:
    """Return the triangles' areas (m), signed: positive where they turn counter-clockwise."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    doubled: Floats = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return doubled / 2


def _polygons(geometries: Geometries, owners: Indices) -> tuple[Geometries, Indices]:
    """Return the polygons in geometries of any kind, which a cut may leave points and lines of."""
    parts, index = shapely.get_parts(geometries, return_index=True)
    if shapely.GeometryType.GEOMETRYCOLLECTION in shapely.get_type_id(geometries):
        parts, nested = shapely.get_parts(parts, return_index=True)
        index = index[nested]
    is_polygon = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    return parts[is_polygon], owners[index[is_polygon]]


def _sizes(geometries: Geometries) -> Floats:
    """Return widths and heights (n, 2)."""
    bounds = shapely.bounds(geometries)
    sizes: Floats = bounds[:, 2:] - bounds[:, :2]
    return sizes


def _middle_line(parts: Geometries, size: float) -> tuple[Indices, Floats]:
    """Return the grid's line next to each part's middle: across x (0), y (1) or none (-1), and where."""
    cells = shapely.bounds(parts) / size
    # A piece cut at a line ends there, but for what dividing rounds off.
    first, last = np.floor(cells[:, :2] + _LINE) + 1, np.ceil(cells[:, 2:] - _LINE) - 1
    lines = last - first + 1  # how many of each axis lie truly inside
    axis = np.argmax(lines, axis=1)
    rows = np.arange(len(parts))
    middle = np.floor((first + last) / 2)[rows, axis] * size
    return np.where(lines[rows, axis] > 0, axis, -1), middle


def _half_boxes(parts: Geometries, axis: Indices, line: Floats) -> Geometries:
    """Return the boxes of the parts' lower (or left) halves, then those of the upper (or right) ones."""
    bounds = shapely.bounds(parts)
    lower, upper = bounds.copy(), bounds.copy()
    rows = np.arange(len(parts))
    lower[rows, axis + 2] = line
    upper[rows, axis] = line
    west, south, east, north = np.concatenate((lower, upper)).T
    boxes: Geometries = shapely.box(west, south, east, north)
    return boxes


def _earcut(parts: Geometries) -> list[tuple[Floats, Indices]]:
    """Return each polygon's points and triangles, by ear clipping."""
    rings, part_of_ring = shapely.get_rings(parts, return_index=True)
    points, ring_of_point = shapely.get_coordinates(rings, return_index=True)
    # A ring's last point is its first one.
    points = points[np.diff(ring_of_point, append=-1) == 0]
    ring_ends = np.cumsum(shapely.get_num_coordinates(rings) - 1)
    last_rings = np.cumsum(np.bincount(part_of_ring, minlength=len(parts)))
    pieces, first_ring, start = [], 0, 0
    for last_ring in last_rings.tolist():
        ends = (ring_ends[first_ring:last_ring] - start).astype(np.uint32)
        own = points[start : start + int(ends[-1])]
        pieces.append((own, mapbox_earcut.triangulate_float64(own, ends).reshape(-1, 3).astype(np.int64)))
        first_ring, start = last_ring, start + len(own)
    return pieces


def _delaunay(part: shapely.Polygon) -> tuple[Floats, Indices]:
    """Return a polygon's points and triangles by constrained Delaunay triangulation: slower and surer."""
    corners = [
        shapely.get_coordinates(each)[:3] for each in shapely.constrained_delaunay_triangles(part).geoms
    ]
    points = _stack(corners, 2, np.float64)
    return points, np.arange(len(points)).reshape(-1, 3)


def _join(pieces: list[tuple[Floats, Indices]]) -> Mesh:
    """Return one mesh of several polygons' points and triangles; its features are the pieces' numbers."""
    counts = np.array([len(points) for points, _ in pieces], dtype=np.int64)
    starts = np.repeat(np.cumsum(counts) - counts, [len(triangles) for _, triangles in pieces])
    points = _stack([points for points, _ in pieces], 2, np.float64)
    triangles = _stack([triangles for _, triangles in pieces], 3, np.int64) + starts[:, None]
    return Mesh(points, triangles, np.repeat(np.arange(len(pieces)), counts))


def _area_errors(parts: Geometries, mesh: Mesh) -> Floats:
    """Return how far each polygon's triangles are off its area, as a part of it."""
    expected = shapely.area(parts)
    each = np.abs(areas(mesh.points, mesh.triangles))
    found = np.bincount(mesh.features[mesh.triangles[:, 0]], each, minlength=len(parts))
    errors: Floats = np.abs(found - expected) / np.where(expected > 0, expected, np.inf)
    return errors


def _stack(arrays: Sequence[NDArray[Any]], width: int, kind: type) -> NDArray[Any]:
    """Return arrays (n, width) below each other; there may be none."""
    return np.concatenate([np.empty((0, width), kind), *arrays])
