"""Where on the Earth a rectangle of a map lies: over the antimeridian and around the poles too."""

from __future__ import annotations

import math

import numpy as np
import pyproj
from numpy.typing import NDArray

from ogdc_visualization.grid import Bounds
from ogdc_visualization.tiles3d.regions import circular_hull, eastward

_STEPS = 256
"""How many points each side is looked at in."""


def lon_lat_bounds(extent: Bounds, crs: str) -> Bounds:
    """Return the bounds, in degrees of WGS84, of a rectangle in a CRS.

    `west` exceeds `east` if it crosses the antimeridian; a rectangle around a pole has all longitudes.
    """
    if pyproj.CRS(crs).is_geographic:
        return extent
    transformer = pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    lon, lat = transformer.transform(*_outline(extent).T)
    known = np.isfinite(lon) & np.isfinite(lat)
    if not known.all():  # corners that the projection has no place on the Earth for
        return Bounds(-180.0, -90.0, 180.0, 90.0)
    south, north = float(lat.min()), float(lat.max())
    lon = np.radians(lon)
    steps = np.mod(np.diff(lon) + math.pi, 2 * math.pi) - math.pi
    poles = [pole for pole in (-90.0, 90.0) if _holds(extent, transformer, pole)]
    if poles and abs(steps.sum()) > math.pi:  # the outline goes around it
        return Bounds(-180.0, min(south, *poles), 180.0, max(north, *poles))
    west, east = circular_hull(*eastward(lon[:-1], lon[1:]))
    return Bounds(math.degrees(west), south, math.degrees(east), north)


def _outline(extent: Bounds) -> NDArray[np.float64]:
    """Return points (n, 2) all the way around a rectangle, the first one again at the end."""
    corners = [
        (extent.west, extent.south),
        (extent.east, extent.south),
        (extent.east, extent.north),
        (extent.west, extent.north),
    ]
    sides = [
        np.linspace(corner, following, _STEPS, endpoint=False)
        for corner, following in zip(corners, corners[1:] + corners[:1], strict=True)
    ]
    return np.concatenate((*sides, [corners[0]]))


def _holds(extent: Bounds, transformer: pyproj.Transformer, latitude: float) -> bool:
    """Return whether a pole lies in the rectangle."""
    x, y = transformer.transform(0.0, latitude, direction="INVERSE")
    return bool(extent.west <= x <= extent.east and extent.south <= y <= extent.north)
