"""Checks one geospatial file with GDAL, reading as little of it as possible."""

from __future__ import annotations

import os
import struct
import time
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from ogdc_worker.process.gdal import OUT_OF_MEMORY
from ogdc_worker.process.result_kinds import DRIVERS, UNLOCATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ogdc_worker.process.gdal import Band, Dataset, Gdal, Layer

_MULTIDIMENSIONAL = (".nc", ".nc4", ".h5", ".hdf5", ".he5", ".zarr", ".hdf")
"""Formats that may contain only arrays, which GDAL shows neither as a raster nor as a layer."""

_SPREAD = 64
"""Number of blocks to read first, spread over the raster."""
_FEATURES = 50
_MAX_BLOCK_BYTES = 256 << 20
_SUBDATASETS = 16
"""Number of subdatasets to look into."""
_COORDINATES = frozenset(
    {
        "lat",
        "lon",
        "latitude",
        "longitude",
        "xlat",
        "xlong",
        "nav_lat",
        "nav_lon",
        "x",
        "y",
        "xc",
        "yc",
        "time",
        "lat_bnds",
        "lon_bnds",
        "time_bnds",
        "x_bnds",
        "y_bnds",
        "crs",
        "spatial_ref",
        "polar_stereographic",
    }
)
"""Usual names of variables that only tell where data are."""
_POSITIONS = (
    *(("lon", "lat"), ("long", "lat"), ("longitude", "latitude"), ("lon_dd", "lat_dd"), ("x", "y")),
    *(("easting", "northing"), ("longitude_dd", "latitude_dd"), ("decimallongitude", "decimallatitude")),
)
"""Usual names of columns that are positions of points."""
_SPATIAL = (".gpkg", ".gdb", ".tab", ".mif")
"""Formats of features that may also contain tables without geometries."""
_MAX_COLUMNS = 64
_FILLS = (
    *(-9999.0, -99999.0, -32768.0, 9.969209968386869e36, 1e20),
    *(-3.4028234663852886e38, 3.4028234663852886e38, -1.7976931348623157e308, 1.7976931348623157e308),
)
"""Values that usually stand for nodata, also where a file does not say so: those of NetCDF, ESRI and GDAL."""

_OF_CHOSEN_LAYERS = frozenset({".gpkg", ".gdb"})
"""Formats whose layers their author chose; others, such as GPX, always have all of theirs."""


class Finding(NamedTuple):
    """A problem to warn about."""

    kind: str
    message: str
    """The rest of the sentence that begins with the file's name."""


def check_file(gdal: Gdal, path: str, suffix: str, *, deadline: float) -> Iterator[Finding | dict[str, Any]]:
    """Check a file and yield findings; stops at `deadline` (monotonic seconds).

    The last value may be a description by `places.describe` instead of a finding.
    """
    dataset = gdal.open(path)
    if dataset is None:
        if gdal.error()[0] != OUT_OF_MEMORY:
            yield Finding("unreadable", f"cannot be opened by GDAL{_reason(gdal, path)}")
        return
    try:
        bands, layers = list(dataset.bands()), list(dataset.layers())
        if bands:
            if suffix not in UNLOCATED:
                yield from _check_position(dataset)
            yield from _check_bands(gdal, path, bands, mask=dataset.mask(), deadline=deadline)
        elif layers:
            yield from _check_layers(layers, suffix)
            yield from _check_columns(layers if suffix in _SPATIAL else ())
            if suffix == ".shp" and not _has_attributes(path):
                yield Finding("no_data", "has no .dbf beside it: the attributes of its features are missing")
        elif parts := dataset.subdatasets:
            yield from _check_subdatasets(gdal, path, parts, deadline=deadline)
        elif suffix not in _MULTIDIMENSIONAL:
            yield Finding("no_data", "holds neither a raster nor a layer")
        elif not gdal.has_values(path, _COORDINATES):
            yield Finding("no_data", "holds no value: its variables have a size of 0")
        from ogdc_worker.process.places import describe

        if suffix in DRIVERS and (place := describe(dataset, bands, layers)):
            yield place
    finally:
        dataset.close()


def _check_position(dataset: Dataset) -> Iterator[Finding]:
    if not dataset.is_located:
        yield Finding("no_crs", "has no coordinate reference system (gdal_edit.py -a_srs gives it one)")
    elif dataset.lacks_transform:
        yield Finding(
            "no_crs",
            "has a coordinate reference system, but its pixels have no position in it: there is no "
            "geotransform (gdal_edit.py -a_ullr gives it one)",
        )


def _check_layers(layers: Sequence[Layer], suffix: str) -> Iterator[Finding]:
    looked = {layer.name: list(layer.geometries(_FEATURES)) for layer in layers}
    empty = [layer.name for layer in layers if layer.is_spatial and not looked[layer.name]]
    if not any(looked.values()):
        yield Finding("no_data", "holds no feature")
    elif empty and suffix in _OF_CHOSEN_LAYERS:
        others = f" and {len(empty) - 1} others" if len(empty) > 1 else ""
        yield Finding("no_data", f"holds no feature in layer {empty[0]!r}{others}")
    for layer in layers:
        if suffix not in UNLOCATED and layer.is_spatial and not layer.is_located:
            yield Finding(
                "no_crs", f"has no coordinate reference system (layer {layer.name!r}; ogr2ogr -a_srs)"
            )
        if layer.is_spatial and looked[layer.name] and not any(looked[layer.name]):
            yield Finding("no_data", f"holds features without a geometry (layer {layer.name!r})")


def _check_columns(layers: Sequence[Layer]) -> Iterator[Finding]:
    """Report tables whose columns should have become points, if none has geometries."""
    if any(layer.is_spatial for layer in layers):
        return
    for layer in layers:
        names = {name.lower(): name for name, _ in layer.columns(_MAX_COLUMNS)}
        for x, y in _POSITIONS:
            if x in names and y in names:
                yield Finding(
                    "no_data",
                    f"holds no geometry, although its columns {names[x]!r} and {names[y]!r} are positions "
                    "(ogr2ogr -oo X_POSSIBLE_NAMES=… -oo Y_POSSIBLE_NAMES=… makes points of them)",
                )
                return


def _has_attributes(path: str) -> bool:
    """Whether a shapefile has its attribute table; GDAL opens it without one."""
    stem = path[:-4]
    return any(os.path.exists(stem + suffix) for suffix in (".dbf", ".DBF"))


def _check_subdatasets(gdal: Gdal, path: str, names: Sequence[str], *, deadline: float) -> Iterator[Finding]:
    """Search the variables for one with data; usually the first has some."""
    names = [each for each in names if each.replace("/", ":").rpartition(":")[2].lower() not in _COORDINATES]
    for name in names[:_SUBDATASETS]:
        part = gdal.open(name)
        if part is None or time.monotonic() > deadline:
            return
        try:
            bands = list(part.bands())
            found = list(_check_bands(gdal, path, bands, mask=None, deadline=deadline))
        finally:
            part.close()
        if bands and not any(each.kind == "no_data" for each in found):
            yield from found
            return
    if names:
        part_of = f" in {_SUBDATASETS} of its {len(names)} variables" if len(names) > _SUBDATASETS else ""
        yield Finding("no_data", f"holds nothing but zeros or nodata{part_of}")


def _check_bands(
    gdal: Gdal, path: str, bands: Sequence[Band], *, mask: Band | None, deadline: float
) -> Iterator[Finding]:
    """Search for a value that is neither zero nor nodata, and for one that a mask shows."""
    found = list(_check_values(gdal, path, bands, deadline=deadline))
    if not found and mask and any(_check_values(gdal, path, [mask], deadline=deadline)):
        found = [Finding("no_data", "holds nothing that its mask or alpha band shows")]
    yield from found


def _check_values(gdal: Gdal, path: str, bands: Sequence[Band], *, deadline: float) -> Iterator[Finding]:
    """Search for a value that is neither zero nor nodata; usually the first block contains one."""
    known = [band for band in bands if band.format and band.block_bytes <= _MAX_BLOCK_BYTES]
    looked, total = 0, sum(band.blocks for band in known)
    empty = bool(known)
    for band, number in _paths(known):
        if looked >= min(_SPREAD, total) and (not empty or time.monotonic() > deadline):
            break
        block = band.read(number)
        if block is None:
            if gdal.error()[0] != OUT_OF_MEMORY:
                yield Finding("unreadable", f"is damaged{_reason(gdal, path)}")
            return
        looked += 1
        empty = empty and not has_data(block, band.format or "B", band.nodata)
        if time.monotonic() > deadline:
            break
    if empty and known:
        part = "" if looked == total else f" in the {looked} of {total} blocks that were looked at"
        yield Finding("no_data", f"holds nothing but zeros or nodata{part}")


def _paths(bands: Sequence[Band]) -> Iterator[tuple[Band, int]]:
    """Yield all blocks, first a sample that is spread over the raster and its bands."""
    spread = {band: _spread(band.blocks, max(1, _SPREAD // len(bands))) for band in bands}
    for band, numbers in spread.items():
        yield from ((band, number) for number in numbers)
    for band, numbers in spread.items():
        seen = set(numbers)
        yield from ((band, number) for number in range(band.blocks) if number not in seen)


def _spread(total: int, count: int) -> list[int]:
    """Return up to `count` + 2 numbers below `total`, spread evenly and including the first and the last."""
    if count >= total:
        return list(range(total))
    # Offsets by a third avoid hitting the same column of blocks in every row.
    return sorted({0, total - 1, *(round((index + 1 / 3) * total / count) % total for index in range(count))})


def has_data(block: bytes, form: str, nodata: float | None) -> bool:
    """Whether a block contains a finite value that is neither zero nor nodata.

    Args:
        block: The raw values.
        form: Type of a value, as a `struct` format.
        nodata: The nodata value, or None if there is none.
    """
    if block == bytes(len(block)):
        return False
    nothing = {0, *(_as_stored(each, form) for each in (*_FILLS, *(() if nodata is None else (nodata,))))}
    values: set[float] = set(memoryview(block).cast(form))  # type: ignore[call-overload]
    return any(isfinite(value) and value not in nothing for value in values)


def _as_stored(value: float, form: str) -> float:
    """Return the value converted to the band's type."""
    try:
        return float(struct.unpack(form, struct.pack(form, value if form in "fd" else int(value)))[0])
    except (struct.error, OverflowError, ValueError):
        return value


def _reason(gdal: Gdal, path: str) -> str:
    """Return GDAL's last error without the directory, since commands know it under another path."""
    text = gdal.error()[1].replace(f"{os.path.dirname(path)}/", "")
    return f": {text}" if text else ""
