"""Rasters of tiles as GeoTIFF.

GDAL spends half the time of a small file on what is the same in all of them. So it is asked once how it
writes a CRS, and tifffile writes the files.

Sources: OGC GeoTIFF 1.1 (19-008r4), annex B; GDAL's documentation of its driver GTiff (tags 42112, 42113).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from html import escape
from pathlib import Path

import numpy as np
import rasterio
import tifffile
from numpy.typing import NDArray
from rasterio import Affine
from rasterio.io import MemoryFile

from ogdc_shared.errors import InputError
from ogdc_shared.visualization.config import Statistic
from ogdc_visualization.grid import Bounds

_PIXEL_SCALE, _TIE_POINT, _NAMES, _NODATA = 33550, 33922, 42112, 42113
_GEO_TAGS = (34735, 34736, 34737)
"""Which hold the CRS: a directory of keys, floats, texts."""

_Tag = tuple[int, int, int, object, bool]
"""Number, type, count of values, values, whether to write it once."""


def write_geotiff(
    path: Path, bands: NDArray[np.number], bounds: Bounds, crs: str, statistics: Sequence[Statistic]
) -> None:
    """Write bands (b, rows, columns), north to south, as one compressed file.

    Where all bands are counts they are integers of 32 bits, as the packages of before have them, else floats
    of 64. GeoTIFF has one value for no data in all bands, so it has one where all statistics agree on it. No
    predictor is used: most cells have no polygon, and runs of 0 are smaller, and twice as fast, without.
    """
    if all(each.is_whole for each in statistics):
        bands = _as_integers(bands)
    count, rows, columns = bands.shape
    width, height = (bounds.east - bounds.west) / columns, (bounds.north - bounds.south) / rows
    tags = [
        *_crs_tags(crs),
        _doubles(_PIXEL_SCALE, width, height, 0),
        _doubles(_TIE_POINT, 0, 0, 0, bounds.west, bounds.north, 0),
        _text(_NAMES, _metadata([each.name for each in statistics])),
    ]
    nodata = {each.nodata_val for each in statistics}
    if len(nodata) == 1 and (value := nodata.pop()) is not None:
        tags.append(_text(_NODATA, f"{value:.17g}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(
        path,
        bands if count > 1 else bands[0],
        byteorder="<",
        photometric="minisblack",
        planarconfig="separate" if count > 1 else None,
        rowsperstrip=rows,
        compression="zlib",
        compressionargs={"level": 1},
        metadata=None,
        software=False,
        extratags=tags,
    )


def read_geotiff(path: Path) -> NDArray[np.float64]:
    """Read the bands (b, rows, columns) that `write_geotiff` wrote."""
    with rasterio.open(path) as file:
        bands: NDArray[np.float64] = file.read(out_dtype=np.float64)
    return bands


def _as_integers(bands: NDArray[np.number]) -> NDArray[np.int32]:
    """Return counts as integers of 32 bits.

    Raises:
        InputError: one is larger than these.
    """
    largest = np.abs(bands).max(initial=0)
    if largest > np.iinfo(np.int32).max:
        raise InputError(f"A cell has the count {largest:.0f}, which does not fit into 32 bits.")
    return bands.astype(np.int32)


@lru_cache
def _crs_tags(crs: str) -> tuple[_Tag, ...]:
    """Return what GDAL writes for a CRS."""
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=1, height=1, count=1, dtype="uint8", crs=crs, transform=Affine.scale(2)
        ):
            pass
        with tifffile.TiffFile(memory) as written:
            found = written.pages.first.tags
            tags = [found[number] for number in _GEO_TAGS if number in found]
            return tuple((tag.code, tag.dtype, tag.count, tag.value, True) for tag in tags)


def _doubles(number: int, *values: float) -> _Tag:
    return number, tifffile.DATATYPE.DOUBLE, len(values), values, True


def _text(number: int, content: str) -> _Tag:
    return number, tifffile.DATATYPE.ASCII, 0, content.encode() + b"\0", True


def _metadata(names: Sequence[str]) -> str:
    """Return what bands are called, as GDAL has it, which escapes twice."""
    items = (
        f'<Item name="DESCRIPTION" sample="{number}" role="description">{_escaped(_escaped(name))}</Item>'
        for number, name in enumerate(names)
    )
    return f"<GDALMetadata>{''.join(items)}</GDALMetadata>"


def _escaped(text: str) -> str:
    """Return what stands for a text in XML; the module for that would import HTTP and mail."""
    return escape(text, quote=False)
