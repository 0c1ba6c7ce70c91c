"""Rasters of tiles as GeoTIFF: what GDAL reads is what it would have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from ogdc_shared.errors import InputError
from ogdc_shared.visualization.config import TILE_MATRIX_SETS, Statistic
from ogdc_visualization.grid import Tile, load_grid
from ogdc_visualization.raster.geotiff import read_geotiff, write_geotiff

NAMES = ("lakes", "depth é")
RESOLUTION = {
    "TIFFTAG_RESOLUTIONUNIT": "1 (unitless)",
    "TIFFTAG_XRESOLUTION": "1",
    "TIFFTAG_YRESOLUTION": "1",
}
"""What TIFF 6.0 wants of every image, and GDAL leaves out."""


def make_bands(rows: int, columns: int) -> np.ndarray:
    chance = np.random.default_rng(3)
    bands = chance.uniform(-1e9, 1e9, (2, rows, columns))
    bands[chance.uniform(size=bands.shape) < 0.8] = 0
    bands[0, 0, 0] = np.nan
    return bands


@pytest.mark.parametrize("tms_id", TILE_MATRIX_SETS)
@pytest.mark.parametrize("nodata", [(0, 0), (None, None), (0, 1), (-9999.1, -9999.1)])
def test_a_raster_is_as_gdal_writes_it(
    tmp_path: Path, tms_id: str, nodata: tuple[float | None, float | None]
) -> None:
    grid = load_grid(tms_id)
    bounds, bands = grid.bounds(Tile(1, 2, 3)), make_bands(16, 48)
    statistics = [Statistic(name, nodata_val=value) for name, value in zip(NAMES, nodata, strict=True)]
    write_geotiff(tmp_path / "ours.tif", bands, bounds, grid.crs, statistics)
    width, height = (bounds.east - bounds.west) / 48, (bounds.north - bounds.south) / 16
    with rasterio.open(
        tmp_path / "gdal.tif",
        "w",
        driver="GTiff",
        width=48,
        height=16,
        count=2,
        dtype="float64",
        crs=grid.crs,
        transform=Affine(width, 0, bounds.west, 0, -height, bounds.north),
        nodata=nodata[0] if nodata[0] == nodata[1] else None,
    ) as file:
        file.write(bands)
        file.descriptions = NAMES
    with rasterio.open(tmp_path / "ours.tif") as ours, rasterio.open(tmp_path / "gdal.tif") as gdal:
        for each in (
            "crs",
            "transform",
            "bounds",
            "shape",
            "dtypes",
            "nodata",
            "descriptions",
            "colorinterp",
        ):
            assert getattr(ours, each) == getattr(gdal, each), each
        assert ours.tags() == gdal.tags() | RESOLUTION
        assert ours.compression is not None
        assert np.array_equal(ours.read(), gdal.read(), equal_nan=True)


@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (256, 256)])
def test_bands_come_back(tmp_path: Path, shape: tuple[int, int]) -> None:
    grid, bands = load_grid("WGS1984Quad"), make_bands(*shape)[:1]
    write_geotiff(
        tmp_path / "a/b.tif", bands, grid.bounds(Tile(0, 0, 0)), grid.crs, [Statistic("a", nodata_val=0)]
    )
    assert np.array_equal(read_geotiff(tmp_path / "a/b.tif"), bands, equal_nan=True)


COUNT = {"weight_by": "count", "property": "centroids_per_pixel", "resampling_method": "sum"}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "int32"),
        ({"nodata_val": 0.0}, "int32"),
        ({"nodata_val": 0.5}, "float64"),
        ({"resampling_method": "average"}, "float64"),
        ({"property": "depth"}, "float64"),
        ({"property": "depth", "aggregation_method": "count", "weight_by": "area"}, "int32"),
        ({"property": "depth", "aggregation_method": "nunique", "resampling_method": "max"}, "int32"),
        ({"aggregation_method": "mean"}, "float64"),
    ],
)
def test_counts_alone_are_integers(tmp_path: Path, changes: dict[str, Any], kind: str) -> None:
    statistics = [Statistic("a", **COUNT), Statistic("b", **(COUNT | changes))]
    bands = np.array([[[0, 1], [2, 2**31 - 1]], [[3, 0], [0, 1]]], float)
    grid = load_grid("WGS1984Quad")
    write_geotiff(tmp_path / "a.tif", bands, grid.bounds(Tile(1, 2, 3)), grid.crs, statistics)
    with rasterio.open(tmp_path / "a.tif") as file:
        assert set(file.dtypes) == {kind}
    found = read_geotiff(tmp_path / "a.tif")
    assert found.dtype == np.float64
    assert (found == bands).all()


def test_a_count_over_32_bits_is_an_error(tmp_path: Path) -> None:
    grid = load_grid("WGS1984Quad")
    with pytest.raises(InputError, match="2147483648, which does not fit into 32 bits"):
        write_geotiff(
            tmp_path / "a.tif",
            np.full((1, 2, 2), 2.0**31),
            grid.bounds(Tile(1, 2, 3)),
            grid.crs,
            [Statistic("a", **COUNT)],
        )
