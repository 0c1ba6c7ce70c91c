"""Rasters of tiles as GeoTIFF."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.io import MemoryFile

from ogdc_shared.visualization.config import Statistic
from ogdc_visualization.grid import Bounds
from ogdc_visualization.raster import tiff

_PIXEL_SCALE, _TIE_POINT, _NAMES, _NODATA = 33550, 33922, 42112, 42113


def write_geotiff(
    path: Path, bands: NDArray[np.float64], bounds: Bounds, crs: str, statistics: Sequence[Statistic]
) -> None:
    """Write the bands (b, rows, columns) of a tile, compressed, each called as its statistic.

    GeoTIFF has one value for no data in all bands, so it has one where all statistics agree on it. No
    predictor is used: most cells have no polygon, and runs of 0 are smaller, and twice as fast, without.
    """
    _, rows, columns = bands.shape
    width, height = (bounds.east - bounds.west) / columns, (bounds.north - bounds.south) / rows
    tags = _crs_tags(crs) | {
        _PIXEL_SCALE: tiff.values(tiff.DOUBLE, [width, height, 0]),
        _TIE_POINT: tiff.values(tiff.DOUBLE, [0, 0, 0, bounds.west, bounds.north, 0]),
        _NAMES: tiff.names([each.name for each in statistics]),
    }
    nodata = {each.nodata_val for each in statistics}
    if len(nodata) == 1 and (value := nodata.pop()) is not None:
        tags[_NODATA] = tiff.text(f"{value:.17g}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tiff.encode_tiff(bands, tags))


def read_geotiff(path: Path) -> NDArray[np.float64]:
    """Return the bands (b, rows, columns) of a tile."""
    with rasterio.open(path) as file:
        bands: NDArray[np.float64] = file.read()
    return bands


@lru_cache
def _crs_tags(crs: str) -> dict[int, tiff.Values]:
    """Return what GDAL writes for a CRS."""
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=1, height=1, count=1, dtype="uint8", crs=crs, transform=Affine.scale(2)
        ):
            pass
        return tiff.read_tags(memory.read(), tiff.GEO_TAGS)
