"""Rasters of tiles as GeoTIFF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine

from ogdc_shared.visualization.config import Statistic
from ogdc_visualization.grid import Bounds


def write_geotiff(
    path: Path, bands: NDArray[np.float64], bounds: Bounds, crs: str, statistics: Sequence[Statistic]
) -> None:
    """Write the bands (b, rows, columns) of a tile, compressed, each called as its statistic.

    GeoTIFF has one value for no data in all bands, so it has one where all statistics agree on it. No
    predictor is used: most cells have no polygon, and runs of 0 are smaller, and twice as fast, without.
    """
    count, rows, columns = bands.shape
    nodata = {each.nodata_val for each in statistics}
    path.parent.mkdir(parents=True, exist_ok=True)
    tiled = {"tiled": True, "blockxsize": 256, "blockysize": 256} if (rows, columns) == (256, 256) else {}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=columns,
        height=rows,
        count=count,
        dtype="float64",
        crs=crs,
        transform=Affine(
            (bounds.east - bounds.west) / columns,
            0,
            bounds.west,
            0,
            (bounds.south - bounds.north) / rows,
            bounds.north,
        ),
        nodata=nodata.pop() if len(nodata) == 1 else None,
        compress="deflate",
        zlevel=1,
        interleave="band",
        **tiled,
    ) as file:
        file.write(bands)
        file.descriptions = tuple(each.name for each in statistics)


def read_geotiff(path: Path) -> NDArray[np.float64]:
    """Return the bands (b, rows, columns) of a tile."""
    with rasterio.open(path) as file:
        bands: NDArray[np.float64] = file.read()
    return bands
