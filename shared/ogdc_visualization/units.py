"""How long a unit of a CRS is."""

from __future__ import annotations

import math
from functools import lru_cache

import pyproj

_EQUATOR = 6_378_137.0
"""WGS84's radius there, in metres."""


@lru_cache
def metres_per_unit(crs: str) -> float:
    """Return how many metres a unit of a CRS is; a degree is as long as on the equator."""
    found = pyproj.CRS(crs)
    if found.is_geographic:
        return math.pi * _EQUATOR / 180
    return float(found.axis_info[0].unit_conversion_factor)
