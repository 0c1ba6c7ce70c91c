"""Bounding regions: between two meridians, two parallels and two heights, and certainly around a mesh.

A mesh's edges are straight lines through the ellipsoid: between its corners it lies lower than they do, and
an edge is nearer to the pole than both its ends. Source: 3D Tiles 1.1, section on bounding volumes (region).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogdc_visualization.tiles3d.ellipsoid import E2, MIN_CURVATURE, from_ecef

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_TURN = 2 * math.pi
_ROUNDING = 1e-10
"""Margin on each side, in radians: 0.6 mm, more than the rounding error of converted positions."""


class Region(NamedTuple):
    """Longitudes and latitudes in radians, heights above the ellipsoid in metres.

    `west` is larger than `east` where the region crosses the antimeridian. One that holds a pole has all
    longitudes.
    """

    west: float
    south: float
    east: float
    north: float
    min_height: float
    max_height: float


def region_of_mesh(positions: Floats, triangles: Indices) -> Region:
    """Return the region of triangles (m, 3) among positions (n, 3), one at least, in metres of EPSG:4978.

    No edge may be longer than a quarter of the Earth.
    """
    lon, lat, height = from_ecef(positions)
    edges = np.concatenate((triangles[:, :2], triangles[:, 1:], triangles[:, [2, 0]]))
    longest = float(np.linalg.norm(positions[edges[:, 0]] - positions[edges[:, 1]], axis=1).max(initial=0))
    sag = _sag(longest)
    slack = E2 * sag / MIN_CURVATURE + _ROUNDING  # the normal of a point below points a little elsewhere
    north = _northernmost(positions, lat, edges, longest, 1) + slack
    south = -_northernmost(positions, lat, edges, longest, -1) - slack
    west, east, has_north, has_south = _longitudes(lon, lat, edges, triangles)
    return Region(
        west,
        -math.pi / 2 if has_south else max(-math.pi / 2, south),
        east,
        math.pi / 2 if has_north else min(math.pi / 2, north),
        float(height.min()) - sag,
        float(height.max()),
    )


def union(regions: Iterable[Region]) -> Region:
    """Return the smallest region that holds all of these; there is one at least."""
    sides = np.array(list(regions))
    west, east = circular_hull(sides[:, 0], sides[:, 2])
    lower, upper = sides.min(axis=0), sides.max(axis=0)
    return Region(west, float(lower[1]), east, float(upper[3]), float(lower[4]), float(upper[5]))


def circular_hull(wests: Floats, easts: Floats) -> tuple[float, float]:
    """Return the ends of the shortest arc that holds all of these arcs; from -π to π if they leave no gap.

    Each goes eastward from a longitude of `wests` to one of `easts`, in radians. The ends are among those
    given, so that nothing is rounded off.
    """
    starts = np.mod(wests + math.pi, _TURN)
    order = np.argsort(starts)
    starts, wests, easts = starts[order], wests[order], easts[order]
    ends = starts + easts - wests + np.where(easts < wests, _TURN, 0)
    reach = np.maximum.accumulate(ends)
    # What passes the end of the circle covers its beginning.
    gaps = np.append(starts[1:], starts[0] + _TURN) - np.maximum(reach, reach[-1] - _TURN)
    last = int(np.argmax(gaps))
    if gaps[last] <= 0:
        return -math.pi, math.pi
    furthest = int(np.argmax(np.where(np.arange(len(ends)) <= last, ends, ends - _TURN)))
    return float(wests[(last + 1) % len(wests)]), float(easts[furthest])


def _longitudes(
    lon: Floats, lat: Floats, edges: Indices, triangles: Indices
) -> tuple[float, float, bool, bool]:
    """Return a mesh's west and east ends, and whether it holds the north pole and the south pole."""
    if np.ptp(lon) < math.pi:
        return float(lon.min()), float(lon.max()), False, False
    has_north, has_south = _poles_within(lon, lat, triangles)
    if has_north or has_south:
        return -math.pi, math.pi, has_north, has_south
    wests, easts = eastward(lon[edges[:, 0]], lon[edges[:, 1]])
    return *circular_hull(np.append(wests, lon), np.append(easts, lon)), False, False


def eastward(starts: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """Return the west and east ends of the short ways between longitudes, in radians."""
    is_east = _short_way(ends - starts) >= 0
    return np.where(is_east, starts, ends), np.where(is_east, ends, starts)


def _short_way(steps: Floats) -> Floats:
    """Return differences of longitudes, in radians, the way round that is no longer than half of it."""
    return np.mod(steps + math.pi, _TURN) - math.pi


def _poles_within(lon: Floats, lat: Floats, triangles: Indices) -> tuple[bool, bool]:
    """Return whether a triangle holds the north pole, and the south pole: its sides go all the way round."""
    sides = lon[np.roll(triangles, -1, axis=1)] - lon[triangles]
    around = np.abs(_short_way(sides).sum(axis=1)) > math.pi
    is_north = lat[triangles].mean(axis=1) > 0
    return bool((around & is_north).any()), bool((around & ~is_north).any())


def _sag(longest: float) -> float:
    """Return how far triangles are below their corners at most, by their longest side; in metres.

    A triangle lies in a circle of its longest side over √3, and that is no deeper in the ellipsoid than it
    would be in the ball of the smallest radius of curvature.
    """
    radius = min(longest / math.sqrt(3), MIN_CURVATURE)
    return 1.001 * (MIN_CURVATURE - math.sqrt(MIN_CURVATURE**2 - radius**2))


def _northernmost(positions: Floats, lat: Floats, edges: Indices, longest: float, sign: int) -> float:
    """Return a mesh's largest latitude in radians; for a sign of -1, that of the mesh upside down."""
    ends = np.maximum(sign * lat[edges[:, 0]], sign * lat[edges[:, 1]])
    corners = float((sign * lat).max())
    # No point of an edge is further from both its ends than half its length.
    near = ends + longest / MIN_CURVATURE >= corners
    peaks = ends[near] + _peaks(positions[edges[near]], sign)
    return float(peaks.max(initial=corners))


def _peaks(edges: Floats, sign: int) -> Floats:
    """Return, in radians, how far each edge (n, 2, 3) reaches north of both its ends.

    Seen from the Earth's centre, an edge is an arc of a great circle, whose highest point is known.
    """
    up = np.array([0, 0, sign])
    a, b = _unit(edges[:, 0]), _unit(edges[:, 1])
    normal = _unit(np.cross(a, b))
    top = up - normal * (normal @ up)[:, None]
    is_between = (_dot(np.cross(a, top), normal) > 0) & (_dot(np.cross(top, b), normal) > 0)
    highest = np.arctan2(np.hypot(normal[:, 0], normal[:, 1]), np.abs(normal[:, 2]))
    ends = np.maximum(*(np.arctan2(sign * each[:, 2], np.hypot(each[:, 0], each[:, 1])) for each in (a, b)))
    # Geodetic latitudes grow by no more than this faster than those seen from the centre.
    return np.where(is_between, np.maximum(highest - ends, 0) / (1 - E2), 0)


def _unit(vectors: Floats) -> Floats:
    """Return vectors (n, 3) at length 1; those without a length stay so."""
    lengths = np.linalg.norm(vectors, axis=1)
    return vectors / np.where(lengths > 0, lengths, 1)[:, None]


def _dot(a: Floats, b: Floats) -> Floats:
    products: Floats = np.einsum("ij,ij->i", a, b)
    return products
