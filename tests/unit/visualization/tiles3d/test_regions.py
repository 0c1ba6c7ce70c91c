"""Bounding regions contain every sampled point of a mesh."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_visualization.tiles3d.ellipsoid import from_ecef, to_ecef
from ogdc_visualization.tiles3d.regions import Region, circular_hull, region_of_mesh, union

TRIANGLE = np.array([[0, 1, 2]])


def holds_longitude(region: Region, lon: np.ndarray) -> np.ndarray:
    turn, slack = 2 * math.pi, 1e-9
    width = turn if (region.west, region.east) == (-math.pi, math.pi) else (region.east - region.west) % turn
    return np.mod(lon - region.west + slack, turn) <= width + 2 * slack


def samples(corners: np.ndarray) -> np.ndarray:
    """Points all over triangles (m, 3, 3), their edges among them."""
    steps = np.linspace(0, 1, 25)
    u, v = (each.ravel() for each in np.meshgrid(steps, steps))
    u, v = u[u + v <= 1], v[u + v <= 1]
    weights = np.column_stack((1 - u - v, u, v))
    return (weights @ corners).reshape(-1, 3)


def assert_holds(region: Region, positions: np.ndarray) -> None:
    lon, lat, height = from_ecef(positions)
    assert ((region.south <= lat) & (lat <= region.north)).all()
    assert ((region.min_height <= height + 1e-6) & (height <= region.max_height + 1e-6)).all()
    off_the_axis = np.hypot(positions[:, 0], positions[:, 1]) > 1e-3  # there a longitude has no meaning
    assert holds_longitude(region, lon[off_the_axis]).all()


points = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
offsets = st.tuples(st.floats(-3, 3), st.floats(-3, 3))


@given(start=points, others=st.tuples(offsets, offsets), height=st.floats(-400, 5000))
def test_a_region_holds_its_mesh(
    start: tuple[float, float], others: tuple[tuple[float, float], tuple[float, float]], height: float
) -> None:
    lon = np.array([start[0], *(start[0] + x for x, _ in others)])
    lat = np.clip([start[1], *(start[1] + y for _, y in others)], -90, 90)
    positions = to_ecef(lon, lat, height)
    assert_holds(region_of_mesh(positions, TRIANGLE), samples(positions[None]))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_triangle_around_a_pole_has_all_longitudes(sign: int) -> None:
    positions = to_ecef(np.array([0.0, 120, 240]), sign * np.array([89.0, 89, 88]), 0)
    region = region_of_mesh(positions, TRIANGLE)
    assert (region.west, region.east) == (-math.pi, math.pi)
    assert {1: region.north, -1: -region.south}[sign] == math.pi / 2
    assert_holds(region, samples(positions[None]))


def test_a_mesh_over_the_antimeridian_has_its_west_in_the_east() -> None:
    positions = to_ecef(np.array([179.0, -179, -179]), np.array([69.0, 69, 70]), 0)
    region = region_of_mesh(positions, TRIANGLE)
    np.testing.assert_allclose(np.degrees([region.west, region.east]), [179, -179])
    assert_holds(region, samples(positions[None]))


def test_an_edge_is_further_north_than_its_ends() -> None:
    positions = to_ecef(np.array([0.0, 10, 5]), np.array([60.0, 60, 59]), 0)
    assert np.degrees(region_of_mesh(positions, TRIANGLE).north) > 60.09


def test_a_mesh_without_triangles_has_the_region_of_its_points() -> None:
    region = region_of_mesh(to_ecef(np.array([10.0, 12]), np.array([60.0, 61]), 5), np.empty((0, 3), int))
    np.testing.assert_allclose(np.degrees(region[:4]), [10, 60, 12, 61])
    np.testing.assert_allclose(region[4:], [5, 5], atol=1e-6)


widths_of_arcs = st.just(0.0) | st.floats(1e-6, 3)


@given(arcs=st.lists(st.tuples(st.floats(-math.pi, math.pi), widths_of_arcs), min_size=1, max_size=6))
def test_a_hull_holds_its_arcs_and_leaves_the_widest_gap(arcs: list[tuple[float, float]]) -> None:
    wests, widths = np.array(arcs).T
    easts = np.where(widths == 0, wests, on_circle(wests + widths))
    west, east = circular_hull(wests, easts)
    hull = Region(west, 0, east, 0, 0, 0)
    assert holds_longitude(
        hull, on_circle((wests + np.linspace(0.001, 0.999, 50)[:, None] * widths).ravel())
    ).all()
    length = 2 * math.pi if (west, east) == (-math.pi, math.pi) else (east - west) % (2 * math.pi)
    assert length <= sum(widths) + 2 * math.pi * (1 - 1 / len(arcs)) + 1e-9


def on_circle(lon: np.ndarray) -> np.ndarray:
    return np.mod(lon + math.pi, 2 * math.pi) - math.pi


def test_a_union_goes_over_the_antimeridian_where_that_is_shorter() -> None:
    found = union([Region(3.0, 0.1, 3.1, 0.2, -5, 0), Region(-3.1, 0.0, -3.0, 0.1, 0, 7)])
    np.testing.assert_allclose(found, Region(3.0, 0.0, -3.0, 0.2, -5, 7))


def test_a_union_of_what_goes_all_round_goes_all_round() -> None:
    found = union([Region(-math.pi, 1.0, math.pi, 1.5, 0, 0), Region(0.1, 0.9, 0.2, 1.0, 0, 0)])
    assert (found.west, found.east) == (-math.pi, math.pi)
