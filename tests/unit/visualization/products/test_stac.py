"""The STAC item: where the map is, over the antimeridian and around the pole too."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import shapely
from shapely.geometry import shape

from ogdc_visualization.grid import Bounds
from ogdc_visualization.products.description import Limits
from ogdc_visualization.products.stac import Asset, build_item, footprint
from support.maps import describe, polar_map

NOW = datetime(2026, 11, 27, 12, 0, 0, 999, tzinfo=UTC)
ASSETS = {"preview": Asset("preview.png", "image/png", "Preview", ("thumbnail",))}


def test_an_item_says_where_and_in_which_crs() -> None:
    item = build_item(describe({2: Limits(2, 3, 0, 1)}), ASSETS, identifier="lakes", created=NOW)
    assert item["bbox"] == [-90, 0, 0, 90]
    assert shape(item["geometry"]).equals(shapely.box(-90, 0, 0, 90))
    assert item["properties"]["proj:code"] == "EPSG:4326"
    assert item["properties"]["datetime"] == "2026-11-27T12:00:00Z"
    assert item["links"] == [{"rel": "cite-as", "href": "https://doi.org/10.18739/A2KW57K57"}]
    assert item["assets"]["preview"]["href"] == "preview.png"


def test_an_item_around_the_pole_has_all_longitudes() -> None:
    item = build_item(polar_map({2: Limits(1, 2, 1, 2)}), ASSETS, identifier="lakes", created=NOW)
    west, _, east, north = item["bbox"]
    assert (west, east, north) == (-180, 180, 90)
    assert item["properties"]["proj:bbox"] == [-2000050, -2000050, 2000050, 2000050]


@pytest.mark.parametrize("bounds", [Bounds(170, 60, -170, 70), Bounds(-50, 60, -40, 70)])
def test_footprints_are_cut_at_the_antimeridian(bounds: Bounds) -> None:
    found = shape(footprint(bounds))
    assert found.is_valid
    assert found.area == pytest.approx((bounds.east - bounds.west) % 360 * 10)
    assert all(ring.is_ccw for part in shapely.get_parts(found) for ring in [part.exterior])
