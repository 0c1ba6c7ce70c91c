"""Geometries as polygons on the map: over the antimeridian, around a pole, beyond the map."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
import pytest
import shapely

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Grid, load_grid
from ogdc_visualization.staging.antimeridian import split_at_antimeridian
from ogdc_visualization.staging.findings import Findings
from ogdc_visualization.staging.polygons import (
    centroids_of,
    is_uncounted,
    leave_out_beyond_degrees,
    leave_out_unusable,
    put_on_map,
    select_polygons,
)

WORLD = load_grid("WGS1984Quad")


def split(polygon: shapely.Geometry) -> shapely.Geometry:
    [found] = split_at_antimeridian(np.array([polygon], object))
    assert found.is_valid
    return found


def placed(
    *shapes: shapely.Geometry | None, crs: str = "EPSG:4326", grid: Grid = WORLD, **keys: Any
) -> tuple[list[shapely.Geometry | None], list[str]]:
    """Polygons as they are on the map, and what is told of them."""
    findings, warnings = Findings(), list[str]()
    selected = select_polygons(np.array([*shapes, None], object), findings)
    leave_out_beyond_degrees(selected, pyproj.CRS(crs), findings)
    found = put_on_map(selected, pyproj.CRS(crs), VisualizationConfig(**keys), grid)
    leave_out_unusable(found, grid, findings)
    findings.tell("a", warnings.append)
    return found.tolist()[:-1], [each for each in warnings if "no geometry" not in each]


def test_an_edge_over_the_antimeridian_divides_a_polygon() -> None:
    crossing = shapely.Polygon([(179, 0), (-179, 0), (-179, 1), (179, 1)])
    assert split(crossing).equals(shapely.union(shapely.box(179, 0, 180, 1), shapely.box(-180, 0, -179, 1)))


def test_holes_on_either_side_stay_holes() -> None:
    ring = [(170, -10), (-170, -10), (-170, 10), (170, 10)]
    holes = [[(172, 0), (174, 0), (174, 2), (172, 2)], [(179, -5), (-179, -5), (-179, -4), (179, -4)]]
    found = split(shapely.Polygon(ring, holes))
    assert found.area == pytest.approx(20 * 20 - 4 - 2)
    assert not found.contains(shapely.Point(173, 1))
    assert not found.contains(shapely.Point(-179.5, -4.5))


@pytest.mark.parametrize("west", [-540, -200, 175, 200, 400])
def test_longitudes_beyond_180_go_on_on_the_other_side(west: float) -> None:
    found = split(shapely.box(west, 10, west + 10, 20))
    assert found.area == pytest.approx(100)
    assert shapely.box(-180, 10, 180, 20).covers(found)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("turn", [1, -1])
def test_a_ring_around_a_pole_holds_it(sign: int, turn: int) -> None:
    ring = [(-170.0, 80), (-80, 80), (10, 80), (100, 80)][::turn]
    found = split(shapely.Polygon([(x, sign * y) for x, y in ring]))
    south, north = sorted((sign * 80, sign * 90))
    assert found.equals(shapely.box(-180, south, 180, north))
    around = shapely.Polygon([(x, sign * y) for x, y in ring], [[(x, sign * (y + 5)) for x, y in ring]])
    assert split(around).area == pytest.approx(360 * 5)


@pytest.mark.parametrize(
    "shape",
    [
        shapely.box(-180, -90, 180, 90),
        shapely.Polygon([(-180, -90), (180, -90), (180, -70), (0, -65), (-180, -70)]),
        shapely.box(0, 0, 179.9, 1),
    ],
)
def test_a_polygon_as_wide_as_the_world_stays_as_it_is(shape: shapely.Geometry) -> None:
    assert split(shape) is shape


def test_a_polygon_of_a_polar_crs_holds_the_pole_on_a_map_of_degrees() -> None:
    [found], warnings = placed(shapely.box(-5e5, -4e5, 5e5, 6e5), crs="EPSG:3413")
    assert found is not None
    assert found.covers(shapely.box(-180, 86, 180, 90))
    assert warnings == []


def test_polar_maps_do_not_split_at_the_antimeridian() -> None:
    crossing = shapely.Polygon([(179, 80), (-179, 80), (-179, 81), (179, 81)])
    [found], warnings = placed(crossing, grid=load_grid("UPSArctic3413Quad"))
    assert found is not None
    assert found.geom_type == "Polygon"
    assert warnings == []


def test_mercator_shows_what_it_has_of_a_polygon_over_a_pole_and_the_antimeridian() -> None:
    mercator = load_grid("WebMercatorQuad")
    [world], warnings = placed(shapely.box(-180, -90, 180, 90), grid=mercator)
    assert world is not None
    assert world.covers(shapely.box(*mercator.extent))
    assert warnings == []
    [polar], _ = placed(shapely.box(1e6, 1e6, 2e6, 2e6), grid=mercator, crs="EPSG:3413")
    [across], _ = placed(shapely.box(-2e6, 1e6, -1e6, 2e6), grid=mercator, crs="EPSG:3413")
    assert polar is not None
    assert across is not None
    assert across.area == pytest.approx(polar.area, rel=1e-6)


def test_what_cannot_be_shown_is_told_of_with_its_row() -> None:
    shapes, warnings = placed(
        shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]),
        shapely.Polygon([(0, 0), (10, 10), (20, 20)]),
        shapely.Polygon([(0, 0), (1, 0), (1, np.inf)]),
        shapely.box(69, -150, 70, -149),
        shapely.Point(1, 1),
        shapely.box(-5e5, -4e5, 5e5, 6e5),
        shapely.box(0, 0, 1, 1),
    )
    assert [shape is not None for shape in shapes] == [True, *[False] * 5, True]
    assert {each.removeprefix("a: ") for each in warnings} == {
        "1 row has a geometry other than a polygon (row 4)",
        "1 row has coordinates that are not numbers (row 2)",
        "1 row has no area (row 1)",
        "2 rows have coordinates that are not longitude and latitude (rows 3, 5)",
        "2 rows were repaired because of an invalid geometry (rows 0, 1)",
    }


def test_simplifying_in_degrees_does_not_go_the_other_way() -> None:
    crossing = shapely.Polygon([(179, 0), (-180, 0.001), (-179, 0), (-179, 1), (179, 1)])
    [found], _ = placed(crossing, simplify_tolerance=0.01)
    assert found is not None
    assert found.area == pytest.approx(2, abs=0.01)


def test_what_lies_beside_the_map_is_told_of() -> None:
    shapes, warnings = placed(
        shapely.box(0, -70, 1, -69), shapely.box(0, 80, 1, 81), grid=load_grid("UPSArctic3413Quad")
    )
    assert [shape is not None for shape in shapes] == [False, True]
    assert warnings == ["a: 1 row lies beyond the map (row 0)"]


def test_centroids_outside_the_map_are_not_counted() -> None:
    mercator = load_grid("WebMercatorQuad")
    [found], warnings = placed(shapely.box(0, 84, 1, 87), grid=mercator)
    assert warnings == []
    assert is_uncounted(centroids_of(np.array([found], object), mercator), mercator).tolist() == [True]
