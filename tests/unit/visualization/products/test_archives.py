"""COGs and PMTiles: the values of the tiles, each at its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from pmtiles.reader import MmapSource, Reader
from rasterio import Affine
from rasterio.windows import Window

from ogdc_visualization.products.cogs import write_cog
from ogdc_visualization.products.description import Limits
from ogdc_visualization.products.pmtiles_archive import write_pmtiles
from support.maps import describe, polar_map

CELL = 180 / 2**3 / 256


def write_tile(directory: Path, column: int, row: int) -> Path:
    """A tile of level 3 of two bands, in which each cell has its own value."""
    path = directory / f"{column}-{row}.tif"
    values = np.arange(2 * 256 * 256, dtype=float).reshape(2, 256, 256) + column * 1e6 + row * 1e7
    corner = Affine(CELL, 0, -180 + column * 256 * CELL, 0, -CELL, 90 - row * 256 * CELL)
    profile = {"count": 2, "width": 256, "height": 256, "dtype": "float64", "crs": "EPSG:4326", "nodata": 0}
    with rasterio.open(path, "w", driver="GTiff", transform=corner, **profile) as file:
        file.write(values)
        file.descriptions = ("coverage", "count")
    return path


def test_a_cog_has_each_tile_at_its_position(tmp_path: Path) -> None:
    tiles = {place: write_tile(tmp_path, *place) for place in ((4, 2), (6, 1))}
    write_cog(tiles, tmp_path / "3.tif")
    with rasterio.open(tmp_path / "3.tif") as cog:
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert cog.shape == (512, 768)
        assert cog.descriptions == ("coverage", "count")
        assert (cog.nodata, cog.dtypes[0], cog.overviews(1)) == (0, "float64", [])
        whole = cog.read()
        assert tuple(cog.transform)[2::3][:2] == (-180 + 4 * 22.5, 90 - 22.5)
        for (column, row), path in tiles.items():
            place = Window((column - 4) * 256, (row - 1) * 256, 256, 256)
            with rasterio.open(path) as tile:
                np.testing.assert_array_equal(cog.read(window=place), tile.read())
        assert (whole == 0).sum() == whole.size - 2 * 2 * 256 * 256


def test_a_cog_leaves_nothing_else_behind(tmp_path: Path) -> None:
    tiles = {(4, 2): write_tile(tmp_path, 4, 2)}
    write_cog(tiles, tmp_path / "3.tif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3.tif", "4-2.tif"]


def test_an_archive_has_each_picture_at_its_place(tmp_path: Path) -> None:
    description = polar_map({1: Limits(1, 1, 1, 1), 2: Limits(3, 3, 2, 3)})
    pictures = []
    for z, x, y in [(2, 3, 3), (1, 1, 1), (2, 3, 2)]:
        path = tmp_path / f"{z}-{x}-{y}.png"
        path.write_bytes(path.name.encode())
        pictures.append((z, x, y, path))
    write_pmtiles(description, description.layers[0], pictures, tmp_path / "coverage.pmtiles")
    with (tmp_path / "coverage.pmtiles").open("rb") as file:
        archive = Reader(MmapSource(file))
        assert [archive.get(z, x, y) for z, x, y, _ in pictures] == [
            path.name.encode() for *_, path in pictures
        ]
        assert archive.get(2, 0, 0) is None
        header = archive.header()
        assert (header["min_zoom"], header["max_zoom"]) == (1, 2)
        assert archive.metadata()["crs"] == "EPSG:3413"


def test_a_grid_of_two_tiles_lies_one_zoom_further_in(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    description = describe({0: Limits(1, 1, 0, 0)})
    write_pmtiles(
        description, description.layers[0], [(0, 1, 0, tmp_path / "a.png")], tmp_path / "coverage.pmtiles"
    )
    with (tmp_path / "coverage.pmtiles").open("rb") as file:
        archive = Reader(MmapSource(file))
        assert archive.get(1, 1, 0) == b"a"
        assert archive.metadata()["zoom_offset"] == 1
