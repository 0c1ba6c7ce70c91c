"""Duplicates are judged alike in each block, and whatever order files come in."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import load_grid
from ogdc_visualization.stages.blocks import divide_map
from ogdc_visualization.stages.duplicates import find_duplicates
from ogdc_visualization.stages.feature_files import FeatureFile
from ogdc_visualization.stages.feature_store import FeatureStore
from ogdc_visualization.staging.features import Features
from support.effort import THOROUGH

GRID = load_grid("WGS1984Quad")
LEVEL = 6
CONFIG = msgspec.structs.replace(
    VisualizationConfig(),
    z_range=(0, LEVEL),
    deduplicate_at=["staging"],
    deduplicate_method="neighbor",
    deduplicate_keep_rules=[("year", "larger")],
    deduplicate_overlap_tolerance=0.3,
)
BOX = st.tuples(st.integers(0, 40), st.integers(0, 8), st.integers(1, 12), st.integers(0, 3))
"""West, south, width and year: boxes of a degree's quarters, side by side and on each other."""
FILES = st.lists(st.lists(BOX, min_size=1, max_size=8), min_size=2, max_size=4)

Judged = dict[tuple[int, int], bool]
"""Which are duplicates, by file and row."""


def write(directory: Path, number: int, boxes: list[tuple[int, int, int, int]]) -> None:
    west, south, width, year = np.array(boxes).T
    geometries = np.asarray(
        shapely.box(west / 4 - 50, south / 4 + 60, (west + width) / 4 - 50, south / 4 + 61), object
    )
    features = Features(
        geometries,
        {"year": year},
        shapely.get_coordinates(shapely.centroid(geometries)),
        shapely.area(geometries),
        np.arange(len(boxes)),
        f"{number}.gpkg",
    )
    file = FeatureFile(directory / str(number), GRID, LEVEL)
    file.add(features, np.zeros(len(boxes), bool))
    file.close(features.filename, None)


def judge(store: FeatureStore, most: int) -> Judged:
    found: Judged = {}
    for block in divide_map(store.leaves, lowest=0, highest=LEVEL, most=most, limit=most):
        codes = store.leaves.codes[block.leaves]
        parts = store.read(codes)
        for part, which in zip(parts, find_duplicates(store, codes, parts, CONFIG, GRID) or (), strict=True):
            for row, is_one in zip(part.features.rows.tolist(), which.tolist(), strict=True):
                assert found.setdefault((part.file, row), is_one) == is_one
    return found


@pytest.mark.slow
@settings(max_examples=200 if THOROUGH else 12)
@given(FILES)
def test_deduplication_by_blocks_equals_that_of_the_whole_map(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[tuple[int, int, int, int]]]
) -> None:
    directory = tmp_path_factory.mktemp("polygons")
    for number, boxes in enumerate(files):
        write(directory, number, boxes)
    store = FeatureStore([directory])
    whole = judge(store, 1 << 40)
    assert len(whole) == sum(map(len, files))
    assert judge(store, 1) == judge(store, 1 << 18) == whole
