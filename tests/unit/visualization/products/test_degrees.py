"""Rectangles of maps in degrees, against points of them."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest

from ogdc_visualization.grid import Bounds
from ogdc_visualization.products.degrees import lon_lat_bounds

RECTANGLES = [
    ("EPSG:3413", Bounds(-1e6, -1e6, 2e6, 1e6)),  # around the north pole
    ("EPSG:3413", Bounds(5e5, -3e6, 2e6, -1e6)),
    ("EPSG:3413", Bounds(-3e6, 1e6, -1e6, 3e6)),  # over the antimeridian
    ("EPSG:5042", Bounds(1e6, 1e6, 3e6, 3e6)),  # around the south pole
    ("EPSG:3857", Bounds(-2e7, -1e7, -1e7, 1.5e7)),
    ("EPSG:3035", Bounds(2e6, 2e6, 6e6, 5e6)),
]


@pytest.mark.parametrize(("crs", "extent"), RECTANGLES)
def test_bounds_hold_all_of_a_rectangle(crs: str, extent: Bounds) -> None:
    x, y = (
        each.ravel()
        for each in np.meshgrid(
            np.linspace(extent.west, extent.east, 60), np.linspace(extent.south, extent.north, 60)
        )
    )
    lon, lat = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    west, south, east, north = lon_lat_bounds(extent, crs)
    assert south - 1e-3 <= lat.min() <= lat.max() <= north + 1e-3
    width = 360 if (west, east) == (-180, 180) else (east - west) % 360
    assert (np.mod(lon - west + 1e-3, 360) <= width + 2e-3).all()


def test_a_pole_inside_has_all_longitudes() -> None:
    assert lon_lat_bounds(*reversed(RECTANGLES[0]))[2:] == (180, 90)
    west, south, east, _ = lon_lat_bounds(*reversed(RECTANGLES[3]))
    assert (west, south, east) == (-180, -90, 180)


def test_a_rectangle_over_the_antimeridian_begins_in_the_east() -> None:
    bounds = lon_lat_bounds(*reversed(RECTANGLES[2]))
    assert bounds.west > 0 > bounds.east


def test_degrees_stay_as_they_are() -> None:
    extent = Bounds(-50.5, 68.9, -49.4, 69.3)
    assert lon_lat_bounds(extent, "EPSG:4326") == extent


def test_extents_outside_the_earth_have_global_bounds() -> None:
    assert lon_lat_bounds(Bounds(-2e7, -2e7, 2e7, 2e7), "EPSG:3035") == (-180, -90, 180, 90)
