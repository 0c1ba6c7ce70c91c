"""Geometries as tasks say them: what is none is refused, and what bounds the others holds all of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.stac.geometry import bounds_of, geometry_of

CLOCKWISE = [[0, 0], [0, 2], [2, 2], [2, 0], [0, 0]]
LONGITUDES, LATITUDES = st.floats(-180, 180), st.floats(-90, 90)


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [*rings]}


def box(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


@st.composite
def parts(draw: st.DrawFn) -> list[list[list[float]]]:
    """Rectangles, each on one side of the antimeridian."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        west, east = sorted((draw(LONGITUDES), draw(LONGITUDES)))
        south, north = sorted((draw(LATITUDES), draw(LATITUDES)))
        found.append(box(west, south, east, north))
    return found


@pytest.mark.parametrize(
    "value",
    [
        None,
        "Point",
        {"type": "Point"},
        {"type": "Point", "coordinates": [181, 0]},
        {"type": "Point", "coordinates": [0, -90.5]},
        {"type": "Point", "coordinates": [float("nan"), 0]},
        {"type": "Point", "coordinates": [float("inf"), 0]},
        {"type": "Point", "coordinates": [True, 0]},
        {"type": "Point", "coordinates": [1, 2, 3]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": []},
        {"type": "MultiPolygon", "coordinates": [[[0, 0]]]},
        {"type": "Circle", "coordinates": [0, 0]},
        {"type": "GeometryCollection", "geometries": []},
        {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [0, 91]}]},
    ],
)
def test_invalid_geometries_are_ignored(value: Any) -> None:
    assert geometry_of(value) is None


def test_outer_rings_go_counter_clockwise_and_holes_the_other_way() -> None:
    hole = [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 0.5]]
    assert geometry_of(polygon(CLOCKWISE, hole)) == polygon(CLOCKWISE[::-1], hole[::-1])
    assert geometry_of(polygon(CLOCKWISE[::-1])) == polygon(CLOCKWISE[::-1])


@pytest.mark.parametrize(
    ("boxes", "bounds"),
    [
        ([(170, 60, 180, 70), (-180, 60, -170, 70)], [170, 60, -170, 70]),
        ([(160, 60, 170, 70), (-170, 60, -160, 71)], [160, 60, -160, 71]),
        ([(-20, 0, -10, 1), (10, 0, 20, 1)], [-20, 0, 20, 1]),
        ([(-180, 70, 180, 90)], [-180, 70, 180, 90]),
        ([(-180, 0, 0, 1), (0, 0, 180, 1)], [-180, 0, 180, 1]),
    ],
)
def test_bounds_cross_the_antimeridian_if_that_is_shorter(
    boxes: list[tuple[float, ...]], bounds: list[float]
) -> None:
    shape = {"type": "MultiPolygon", "coordinates": [[box(*each)] for each in boxes]}
    assert bounds_of(shape) == bounds
    single = [polygon(box(*each)) for each in reversed(boxes)]
    assert bounds_of({"type": "GeometryCollection", "geometries": single}) == bounds


@given(parts())
def test_bounds_hold_every_corner_and_are_no_wider_than_the_plain_ones(
    rings: list[list[list[float]]],
) -> None:
    shape = geometry_of({"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]})
    assert shape is not None
    west, south, east, north = bounds_of(shape)
    corners = [corner for ring in rings for corner in ring]
    for longitude, latitude in corners:
        assert west <= longitude <= east or (west > east and (longitude >= west or longitude <= east))
        assert south <= latitude <= north
    width = east - west if west <= east else east - west + 360
    assert width <= max(x for x, _ in corners) - min(x for x, _ in corners) + 1e-9
