"""Positions on WGS84, against PROJ."""

from __future__ import annotations

import numpy as np
import pyproj
from hypothesis import given
from hypothesis import strategies as st

from ogdc_visualization.tiles3d.ellipsoid import from_ecef, to_ecef

TO_ECEF = pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)

longitudes, latitudes = st.floats(-180, 180), st.floats(-90, 90)
heights = st.floats(-11_000, 9_000)


@given(lon=longitudes, lat=latitudes, height=heights)
def test_positions_are_those_of_proj(lon: float, lat: float, height: float) -> None:
    position = to_ecef(np.array([lon]), np.array([lat]), height)[0]
    np.testing.assert_allclose(position, TO_ECEF.transform(lon, lat, height), atol=1e-7)


@given(lon=longitudes, lat=latitudes, height=heights)
def test_converting_positions_back_gives_the_original(lon: float, lat: float, height: float) -> None:
    position = to_ecef(np.array([lon]), np.array([lat]), height)
    back = from_ecef(position)
    np.testing.assert_allclose(to_ecef(*np.degrees(back[:2]), back[2]), position, atol=1e-4)
    np.testing.assert_allclose(back[2], height, atol=1e-6)
