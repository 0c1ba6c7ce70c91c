"""Looks at one geospatial file, as little of it as will do."""

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

    from ogdc_worker.process.gdal import Band, Gdal, Layer

_MULTIDIMENSIONAL = (".nc", ".nc4", ".h5", ".hdf5", ".he5", ".zarr", ".hdf")
"""May hold arrays alone, which are neither a raster nor a layer."""

_SPREAD = 64
"""Blocks to look at first, all over the raster."""
_FEATURES = 50
_MAX_BLOCK_BYTES = 256 << 20


class Finding(NamedTuple):
    """Something to warn of."""

    kind: str
    message: str
    """What follows the file's name."""


def check_file(gdal: Gdal, path: str, suffix: str, *, deadline: float) -> Iterator[Finding | dict[str, Any]]:
    """Look at a file; what takes longer than until `deadline` (monotonic) is left.

    The last one to be yielded may be what `places.describe` says of it.
    """
    dataset = gdal.open(path)
    if dataset is None:
        if gdal.error()[0] != OUT_OF_MEMORY:
            yield Finding("unreadable", f"cannot be opened by GDAL{_reason(gdal, path)}")
        return
    try:
        bands, layers = list(dataset.bands()), list(dataset.layers())
        if bands:
            if not dataset.is_located and suffix not in UNLOCATED:
                yield Finding(
                    "no_crs", "has no coordinate reference system (gdal_edit.py -a_srs gives it one)"
                )
            yield from _check_bands(gdal, path, bands, deadline=deadline)
        elif layers:
            yield from _check_layers(layers, located=suffix not in UNLOCATED)
            if suffix == ".shp" and not _has_attributes(path):
                yield Finding("no_data", "has no .dbf beside it: the attributes of its features are missing")
        elif not dataset.has_subdatasets and suffix not in _MULTIDIMENSIONAL:
            yield Finding("no_data", "holds neither a raster nor a layer")
        from ogdc_worker.process.places import describe

        if suffix in DRIVERS and (place := describe(dataset, bands, layers)):
            yield place
    finally:
        dataset.close()


def _check_layers(layers: Sequence[Layer], *, located: bool) -> Iterator[Finding]:
    looked = {layer.name: list(layer.geometries(_FEATURES)) for layer in layers}
    if not any(looked.values()):
        yield Finding("no_data", "holds no feature")
    for layer in layers:
        if located and layer.is_spatial and not layer.is_located:
            yield Finding(
                "no_crs", f"has no coordinate reference system (layer {layer.name!r}; ogr2ogr -a_srs)"
            )
        if layer.is_spatial and looked[layer.name] and not any(looked[layer.name]):
            yield Finding("no_data", f"holds features without a geometry (layer {layer.name!r})")


def _has_attributes(path: str) -> bool:
    """Whether a shapefile's table is there, which GDAL opens it without."""
    stem = path[:-4]
    return any(os.path.exists(stem + suffix) for suffix in (".dbf", ".DBF"))


def _check_bands(gdal: Gdal, path: str, bands: Sequence[Band], *, deadline: float) -> Iterator[Finding]:
    """Look for one value that is neither zero nor nodata: where the data are, the first block has one."""
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
    """Yield all blocks, some from all over the raster and from all bands first."""
    spread = {band: _spread(band.blocks, max(1, _SPREAD // len(bands))) for band in bands}
    for band, numbers in spread.items():
        yield from ((band, number) for number in numbers)
    for band, numbers in spread.items():
        seen = set(numbers)
        yield from ((band, number) for number in range(band.blocks) if number not in seen)


def _spread(total: int, count: int) -> list[int]:
    """Some numbers below `total`, the first and the last among them."""
    if count >= total:
        return list(range(total))
    # A step that shares no factor with the width of the raster would be better still; thirds of a block do.
    return sorted({0, total - 1, *(round((index + 1 / 3) * total / count) % total for index in range(count))})


def has_data(block: bytes, form: str, nodata: float | None) -> bool:
    """Whether one of a block's values is a number that is neither zero nor nodata.

    Args:
        block: The values.
        form: Of one, as `struct` has it.
        nodata: What stands for none; None: nothing does.
    """
    if block == bytes(len(block)):
        return False
    nothing = {0, _as_stored(nodata, form)} if nodata is not None else {0}
    values: set[float] = set(memoryview(block).cast(form))  # type: ignore[call-overload]
    return any(isfinite(value) and value not in nothing for value in values)


def _as_stored(value: float, form: str) -> float:
    """What a value becomes in the band's own type."""
    try:
        return float(struct.unpack(form, struct.pack(form, value if form in "fd" else int(value)))[0])
    except (struct.error, OverflowError, ValueError):
        return value


def _reason(gdal: Gdal, path: str) -> str:
    """GDAL's last error, without the directory, which is the worker's and not the command's."""
    text = gdal.error()[1].replace(f"{os.path.dirname(path)}/", "")
    return f": {text}" if text else ""
