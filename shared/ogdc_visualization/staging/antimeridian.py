"""Polygons across the antimeridian, as two: one on either side of it."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

_EAST = shapely.box(0, -90, 180, 90)
_BEYOND = shapely.box(180, -90, 540, 90)


def split_at_antimeridian(polygons: NDArray[np.object_]) -> NDArray[np.object_]:
    """Split polygons (n,) in degrees that have an edge of more than half the way around the earth.

    Such an edge is meant to go the other way. None stays None; what goes around a pole has no area then.
    """
    crossing = _is_crossing(polygons)
    if not crossing.any():
        return polygons
    shifted = shapely.transform(polygons[crossing], _eastward)
    shifted = np.where(shapely.is_valid(shifted), shifted, shapely.make_valid(shifted, method="structure"))
    west = shapely.transform(shapely.intersection(shifted, _BEYOND), lambda xy: xy - (360, 0))
    split = polygons.copy()
    split[crossing] = shapely.union(shapely.intersection(shifted, _EAST), west)
    return split


def _eastward(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack((np.where(points[:, 0] < 0, points[:, 0] + 360, points[:, 0]), points[:, 1]))


def _is_crossing(polygons: NDArray[np.object_]) -> NDArray[np.bool_]:
    rings, of_ring = shapely.get_rings(shapely.get_parts(polygons), return_index=True)
    of_part = shapely.get_parts(polygons, return_index=True)[1]
    points, of_point = shapely.get_coordinates(rings, return_index=True)
    jumps = (of_point[1:] == of_point[:-1]) & (np.abs(np.diff(points[:, 0])) > 180)
    crossing = np.zeros(len(polygons), bool)
    crossing[of_part[of_ring[of_point[:-1][jumps]]]] = True
    return crossing
