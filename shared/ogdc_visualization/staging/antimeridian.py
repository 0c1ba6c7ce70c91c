"""Polygons in degrees for a map that ends at the antimeridian: cut there, and closed over a pole."""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray

_WORLDS = [shapely.box(west, -90, west + 360, 90) for west in (-540, -180, 180)]
"""Where copies of the map lie side by side: the one to its west, itself, the one to its east."""
_ROUNDING = 1e-9
"""What longitudes may be beyond 180 by rounding, in degrees."""


def split_at_antimeridian(polygons: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return polygons (n,) in degrees with longitudes from -180 to 180. None stays None.

    An edge of more than half the way around the Earth is meant to go the other way; longitudes beyond 180 go
    on on the other side of the map. A ring that then goes all the way around holds the pole nearer to it.
    """
    split = polygons.copy()
    for index in np.flatnonzero(_is_crossing(polygons) | _is_beyond(polygons)):
        split[index] = _split(polygons[index])
    return split


def _is_beyond(polygons: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return which polygons (n,) have longitudes beyond 180, west or east."""
    bounds = shapely.bounds(polygons)
    return np.asarray((bounds[:, 0] < -180 - _ROUNDING) | (bounds[:, 2] > 180 + _ROUNDING))


def _is_crossing(polygons: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return which polygons (n,) have an edge that is meant to go the other way.

    One from -180 to 180 is the side of a polygon that is as wide as the world, if the polygon is valid so.
    """
    parts, of_part = shapely.get_parts(polygons, return_index=True)
    rings, of_ring = shapely.get_rings(parts, return_index=True)
    points, of_point = shapely.get_coordinates(rings, return_index=True)
    steps = np.abs(np.diff(points[:, 0])) * (of_point[1:] == of_point[:-1])
    owner = of_part[of_ring[of_point[:-1]]]
    is_whole = np.abs(steps - 360) < _ROUNDING
    crossing = np.zeros(len(polygons), bool)
    crossing[owner[is_whole]] = True
    crossing &= ~shapely.is_valid(polygons)
    crossing[owner[(steps > 180) & ~is_whole]] = True
    return crossing


def _split(polygon: shapely.Geometry) -> shapely.Geometry:
    """Return a polygon or multipolygon as it lies on the map."""
    found = [
        shapely.difference(
            _on_map(part.exterior), shapely.union_all([_on_map(each) for each in part.interiors])
        )
        for part in shapely.get_parts(polygon)
    ]
    return shapely.union_all(found)


def _on_map(ring: shapely.LinearRing) -> shapely.Geometry:
    """Return what a ring encloses."""
    shape = shapely.make_valid(shapely.Polygon(_unwrapped(ring)), method="structure", keep_collapsed=False)
    found = [
        _moved(shapely.intersection(shape, world), -turn)
        for turn, world in zip((-360, 0, 360), _WORLDS, strict=True)
    ]
    return shapely.union_all(found)


def _moved(geometry: shapely.Geometry, degrees: int) -> shapely.Geometry:
    return shapely.transform(geometry, lambda points: points + np.array((degrees, 0)))


def _unwrapped(ring: shapely.LinearRing) -> NDArray[np.float64]:
    """Return the points (n, 2) of a ring with longitudes that continue beyond ±180 at the antimeridian."""
    points = shapely.get_coordinates(ring)
    steps = np.mod(np.diff(points[:, 0]) + 180, 360) - 180
    points[:, 0] = points[0, 0] + np.concatenate(([0], np.cumsum(steps)))
    points[:, 0] -= 360 * np.round((points[:, 0].min() + points[:, 0].max()) / 720)
    if abs(points[-1, 0] - points[0, 0]) > 180:
        pole = math.copysign(90, points[:, 1].mean())
        points = np.vstack((points, (points[-1, 0], pole), (points[0, 0], pole)))
    return points
