"""Positions on WGS84: from degrees to metres of EPSG:4978 (Earth-centred, Earth-fixed) and back.

Source: EPSG Guidance Note 7-2, Geographic/geocentric conversions (EPSG method 9602); B. R. Bowring (1976),
Transformation from spatial to geographical coordinates, for the way back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

A = 6_378_137.0
"""The semi-major axis, in metres."""
B = 6_356_752.314245179
"""The semi-minor axis, in metres."""
E2 = 1 - (B / A) ** 2
"""The first eccentricity, squared."""
MIN_CURVATURE = B * B / A
"""The smallest radius of curvature there is on the ellipsoid, in metres: of the meridian at the equator."""
_SECOND_E2 = (A / B) ** 2 - 1


def to_ecef(lon: Floats, lat: Floats, height: float | Floats) -> Floats:
    """Return positions (n, 3) in metres of longitudes and latitudes in degrees, and heights in metres."""
    lon, lat = np.radians(lon), np.radians(lat)
    vertical = A / np.sqrt(1 - E2 * np.sin(lat) ** 2)
    across = (vertical + height) * np.cos(lat)
    up = (vertical * (1 - E2) + height) * np.sin(lat)
    return np.column_stack((across * np.cos(lon), across * np.sin(lon), up))


def from_ecef(positions: Floats) -> tuple[Floats, Floats, Floats]:
    """Return longitudes and latitudes in radians and heights in metres of positions (n, 3) in metres.

    Near the ground the latitude is right to 1e-11 radians.
    """
    x, y, z = positions.T
    across = np.hypot(x, y)
    reduced = np.arctan2(A * z, B * across)
    lat = np.arctan2(z + _SECOND_E2 * B * np.sin(reduced) ** 3, across - E2 * A * np.cos(reduced) ** 3)
    # Along the normal: right at the poles too, where dividing by the latitude's cosine is not.
    height = across * np.cos(lat) + z * np.sin(lat) - A * np.sqrt(1 - E2 * np.sin(lat) ** 2)
    return np.arctan2(y, x), lat, height
