"""Triangulating polygons: the triangles cover the polygon exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ogdc_visualization.tiles3d import triangles
from ogdc_visualization.tiles3d.triangles import Mesh, areas, cut, triangulate

BOX, HOLE = shapely.box(0, 0, 4, 3), shapely.box(1, 1, 2, 2)


@st.composite
def star_polygons(draw: st.DrawFn) -> shapely.Polygon:
    """Polygons around a centre, with a hole in some."""
    count = draw(st.integers(3, 25))
    radii = draw(st.lists(st.floats(0.5, 2), min_size=count, max_size=count))
    x, y = draw(st.tuples(st.floats(-179, 179), st.floats(-89, 89)))
    angles = np.arange(count) * 2 * math.pi / count
    ring = np.column_stack((x + np.multiply(radii, np.cos(angles)), y + np.multiply(radii, np.sin(angles))))
    polygon = shapely.Polygon(ring)
    hole = shapely.box(x - 0.1, y - 0.1, x + 0.1, y + 0.1)
    return polygon.difference(hole) if draw(st.booleans()) else polygon


def make(*polygons: shapely.Geometry, max_size: float = math.inf) -> Mesh:
    return triangulate(np.array(polygons, dtype=object), max_size=max_size)


def areas_by_feature(mesh: Mesh, count: int) -> np.ndarray:
    return np.bincount(
        mesh.features[mesh.triangles[:, 0]], areas(mesh.points, mesh.triangles), minlength=count
    )


@given(polygons=st.lists(star_polygons(), min_size=1, max_size=4), size=st.sampled_from([0.7, 1.5, math.inf]))
def test_triangles_have_the_area_of_their_polygon(polygons: list[shapely.Polygon], size: float) -> None:
    mesh = make(*polygons, max_size=size)
    np.testing.assert_allclose(areas_by_feature(mesh, len(polygons)), shapely.area(polygons), rtol=1e-9)
    assert (areas(mesh.points, mesh.triangles) >= 0).all()


def test_holes_stay_open() -> None:
    mesh = make(BOX.difference(HOLE))
    corners = shapely.polygons(mesh.points[mesh.triangles])
    assert shapely.area(shapely.union_all(corners).intersection(HOLE)) == 0


def test_parts_of_a_multipolygon_are_one_feature() -> None:
    mesh = make(BOX, shapely.MultiPolygon([shapely.box(9, 9, 10, 10), shapely.box(20, 20, 22, 22)]))
    np.testing.assert_allclose(areas_by_feature(mesh, 2), [12, 5])
    assert set(mesh.features) == {0, 1}


def test_a_polygon_without_area_keeps_its_points() -> None:
    mesh = make(BOX, shapely.Polygon([(0, 0), (1, 0), (2, 0)]))
    assert set(mesh.features) == {0, 1}
    assert areas_by_feature(mesh, 2)[1] == 0


def test_no_polygons_make_no_triangles() -> None:
    mesh = triangulate(np.array([], dtype=object), max_size=1)
    assert (len(mesh.points), len(mesh.triangles), len(mesh.features)) == (0, 0, 0)


def test_polygons_that_ear_clipping_gets_wrong_use_another_triangulation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def half(polygons: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(shapely.get_coordinates(each)[:-1], np.array([[0, 1, 2]])) for each in polygons]

    monkeypatch.setattr(triangles, "_earcut", half)
    np.testing.assert_allclose(areas_by_feature(make(BOX, BOX.difference(HOLE)), 2), [12, 11])


def test_pieces_of_large_polygons_lie_in_the_cells_of_a_grid() -> None:
    parts, features = cut(np.array([HOLE, BOX], dtype=object), max_size=1)
    assert features.tolist() == [0] + [1] * 12
    sizes = shapely.bounds(parts)[:, 2:] - shapely.bounds(parts)[:, :2]
    assert sizes.max() == 1


def test_neighbouring_pieces_share_their_corners() -> None:
    """Otherwise a crack would open between them on the ellipsoid."""
    mesh = make(shapely.Polygon([(0.2, 0.3), (3.7, 0.1), (3.1, 2.9), (0.4, 2.2)]), max_size=1)
    edges = np.sort(np.concatenate([mesh.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))]), axis=1)
    points = np.round(mesh.points, 9)
    ends = [tuple(sorted(map(tuple, points[edge].tolist()))) for edge in edges]
    inner = [
        end
        for end in ends
        if all(value % 1 == 0 for value in (end[0][0], end[1][0])) and end[0][0] == end[1][0]
    ]
    assert inner
    assert all(ends.count(end) == 2 for end in inner)
