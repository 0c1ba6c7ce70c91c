"""The share of each cell that a polygon covers, against its definition."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_visualization.grid import Bounds
from ogdc_visualization.raster.cells import Cells, cut

CELLS = Cells(Bounds(0, 0, 4, 3), 3, 4)
"""Of 1 by 1."""

corners = st.tuples(st.integers(-4, 20), st.integers(-4, 16)).map(lambda at: (at[0] / 4, at[1] / 4))


def shares(geometry: shapely.Geometry) -> np.ndarray:
    pieces = cut(np.array([geometry], object), CELLS)
    found = np.zeros(CELLS.rows * CELLS.columns)
    np.add.at(found, pieces.cell, pieces.share)
    return found.reshape(CELLS.rows, CELLS.columns)


def by_definition(geometry: shapely.Geometry) -> np.ndarray:
    boxes = [[shapely.box(x, 2 - y, x + 1, 3 - y) for x in range(4)] for y in range(3)]
    return shapely.area(shapely.intersection(geometry, np.array(boxes, object)))


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.lists(corners, min_size=3, max_size=9))
def test_the_share_of_a_cell_is_the_covered_area(points: list[tuple[float, float]]) -> None:
    geometry = shapely.make_valid(shapely.Polygon(points), method="structure", keep_collapsed=False)
    if geometry.area > 0:
        np.testing.assert_allclose(shares(geometry), by_definition(geometry), atol=1e-12)


def test_holes_and_parts_count() -> None:
    ring = shapely.box(0.2, 0.2, 3.7, 2.9) - shapely.box(0.5, 0.6, 3.1, 2.2)
    both = shapely.union(ring, shapely.box(1, 1, 2.5, 1.5))
    np.testing.assert_allclose(shares(both), by_definition(both), atol=1e-12)


def test_polygons_that_only_touch_a_cell_have_no_share() -> None:
    pieces = cut(np.array([shapely.box(1, 1, 2, 2)], object), CELLS)
    assert pieces.cell.tolist() == [5]
    assert pieces.share.tolist() == [1]
