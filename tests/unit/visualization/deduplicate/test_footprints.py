"""What each file covers, and whose polygons are kept where two files do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyogrio.raw
import pytest
import shapely

from ogdc_shared.errors import InputError
from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.deduplicate.footprints import Footprint, outside, overlapping, read_footprint


def config(**keys: Any) -> VisualizationConfig:
    settings = {"deduplicate_keep_rules": [("Date", "larger")], **keys}
    return msgspec.structs.replace(VisualizationConfig(), **settings)


def boxes(*begins: float) -> np.ndarray:
    return np.array([shapely.box(x, 0, x + 1, 1) for x in begins], object)


OLD, NEW = (
    Footprint(shapely.box(0, 0, 10, 1), {"Date": 2020}),
    Footprint(shapely.box(6, 0, 20, 1), {"Date": 2023}),
)


def test_polygons_of_the_worse_file_go_where_both_have_looked() -> None:
    polygons, files = boxes(2, 7, 7.5, 12), np.array([0, 0, 1, 1])
    assert overlapping(polygons, files, [OLD, NEW], config()).tolist() == [False, True, False, False]
    assert overlapping(polygons, 1 - files, [NEW, OLD], config()).tolist() == [False, True, False, False]


def test_a_file_without_a_footprint_keeps_all() -> None:
    assert not overlapping(boxes(7, 7), np.array([0, 1]), [OLD, None], config()).any()


def test_polygons_outside_of_their_own_footprint_are_duplicates() -> None:
    assert outside(boxes(2, 9.5, 11), OLD, config()).tolist() == [False, False, True]
    assert outside(boxes(2, 9.5), OLD, config(deduplicate_clip_method="within")).tolist() == [False, True]
    assert not outside(boxes(11), OLD, config(deduplicate_clip_to_footprint=False)).any()


def write(path: Path, **columns: Any) -> None:
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array([shapely.box(1_000_000, 0, 1_100_000, 100_000)], object)),
        field_data=[np.array([value]) for value in columns.values()],
        fields=list(columns),
        driver="GPKG",
        geometry_type="Polygon",
        crs="EPSG:3857",
    )


def test_a_footprint_is_read_into_the_crs_of_the_grid(tmp_path: Path) -> None:
    write(tmp_path / "a.gpkg", Date=2020)
    footprint = read_footprint(tmp_path, "a.shp", config(), "EPSG:4326")
    assert footprint is not None
    assert footprint.properties == {"Date": 2020}
    assert footprint.area.bounds == pytest.approx((8.983, 0, 9.881, 0.898), abs=1e-3)
    assert read_footprint(tmp_path, "b.shp", config(), "EPSG:4326") is None


def test_a_footprint_without_the_property_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a.gpkg", Year=2020)
    with pytest.raises(InputError, match=r"a\.gpkg has no column 'Date'; it has: Year"):
        read_footprint(tmp_path, "a.gpkg", config(), "EPSG:4326")
