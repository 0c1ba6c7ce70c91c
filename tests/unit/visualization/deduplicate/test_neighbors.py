"""Polygons of different files that lie on each other."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.deduplicate.neighbors import Candidates, worse_neighbors


def found(boxes: list[tuple[float, float]], files: list[int], places: list[int], **keys: Any) -> list[bool]:
    """Which of boxes, 1 wide unless their second number says otherwise, from x on, are duplicates."""
    geometries = np.array([shapely.box(x, 0, x + width, 1) for x, width in boxes], object)
    centroids = shapely.get_coordinates(shapely.centroid(geometries))
    settings = {f"deduplicate_{key}": value for key, value in keys.items()}
    config = msgspec.structs.replace(VisualizationConfig(), **settings)
    candidates = Candidates(geometries, centroids, np.array(files), np.array(places), "EPSG:4326")
    return worse_neighbors(candidates, config).tolist()


def test_the_worse_of_two_files_goes() -> None:
    assert found([(0, 1), (0.2, 1), (5, 1)], [0, 1, 1], [1, 0, 2]) == [True, False, False]


def test_polygons_of_one_file_are_not_compared() -> None:
    assert found([(0, 1), (0.1, 1)], [0, 0], [0, 1]) == [False, False]


def test_both_or_either_have_to_be_covered() -> None:
    pair, files, places = [(0, 1), (0, 4)], [0, 1], [0, 1]
    assert found(pair, files, places) == [False, False]
    assert found(pair, files, places, overlap_both=False) == [False, True]


def test_middles_may_have_to_be_near_in_the_units_of_another_crs() -> None:
    pair, files, places = [(0, 1), (0.2, 1)], [0, 1], [0, 1]
    metres = 0.2 * 111_320
    assert found(pair, files, places, centroid_tolerance=metres * 1.01) == [False, True]
    assert found(pair, files, places, centroid_tolerance=metres * 0.99) == [False, False]
    assert found(pair, files, places, centroid_tolerance=0.21, distance_crs=None) == [False, True]


def test_what_only_touches_is_no_duplicate() -> None:
    pair, files, places = [(0, 1), (1, 1)], [0, 1], [0, 1]
    assert found(pair, files, places, overlap_tolerance=None, overlap_both=False) == [False, False]


def test_a_duplicate_is_compared_with_no_further_file() -> None:
    # The second goes for the first, so the third, which lies on the second alone, stays.
    assert found([(0, 1), (0.3, 1), (0.7, 1)], [0, 1, 2], [0, 1, 2]) == [False, True, False]


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=12), st.randoms())
def test_the_order_of_polygons_changes_nothing(made: list[tuple[int, bool]], random: Any) -> None:
    boxes = [(x / 5, 1.0) for x, _ in made]
    files, places = [int(second) for _, second in made], list(range(len(made)))
    order = list(range(len(made)))
    random.shuffle(order)
    shuffled = found([boxes[i] for i in order], [files[i] for i in order], [places[i] for i in order])
    assert [shuffled[order.index(i)] for i in range(len(made))] == found(boxes, files, places)
