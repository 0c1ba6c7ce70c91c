"""A program of its own, for a Python with GDAL's bindings: whether two files hold the same data.

It prints a line of JSON: `same`, and what differs in words. It knows nothing of this distribution, and runs
in a sandbox.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from osgeo import gdal, ogr, osr

gdal.UseExceptions()
ogr.UseExceptions()
osr.UseExceptions()

_MOST = 20
"""Differences that are named."""


def compare(then: Any, now: Any) -> Iterator[str]:
    """Yield what differs between two data sets, in words."""
    yield from _compare_rasters(then, now)
    yield from _compare_layers(then, now)


def _compare_rasters(then: Any, now: Any) -> Iterator[str]:
    facts: dict[str, Callable[[Any], object]] = {
        "size": lambda each: (each.RasterXSize, each.RasterYSize, each.RasterCount),
        "place": lambda each: each.GetGeoTransform(can_return_null=True),
        "CRS": lambda each: _crs(each.GetSpatialRef()),
    }
    for name, look in facts.items():
        if look(then) != look(now):
            yield f"{name}: {look(then)} then, {look(now)} now"
    if facts["size"](then) == facts["size"](now):
        for number in range(1, then.RasterCount + 1):
            yield from _compare_bands(number, then.GetRasterBand(number), now.GetRasterBand(number))


def _compare_bands(number: int, then: Any, now: Any) -> Iterator[str]:
    for name in ("DataType", "XSize", "YSize"):
        if getattr(then, name) != getattr(now, name):
            yield f"band {number}: {name} {getattr(then, name)} then, {getattr(now, name)} now"
            return
    if repr(then.GetNoDataValue()) != repr(now.GetNoDataValue()):
        yield f"band {number}: nodata {then.GetNoDataValue()} then, {now.GetNoDataValue()} now"
    rows = sum(
        then.ReadRaster(0, row, then.XSize, 1) != now.ReadRaster(0, row, then.XSize, 1)
        for row in range(then.YSize)
    )
    if rows:
        yield f"band {number}: {rows} of {then.YSize} rows hold other values"


def _compare_layers(then: Any, now: Any) -> Iterator[str]:
    names = [[each.GetLayer(at).GetName() for at in range(each.GetLayerCount())] for each in (then, now)]
    if sorted(names[0]) != sorted(names[1]):
        yield f"layers: {names[0]} then, {names[1]} now"
        return
    for name in names[0]:
        layers = then.GetLayerByName(name), now.GetLayerByName(name)
        fields = [_fields(layer) for layer in layers]
        if fields[0] != fields[1]:
            yield f"layer {name}: fields {fields[0]} then, {fields[1]} now"
        if _crs(layers[0].GetSpatialRef()) != _crs(layers[1].GetSpatialRef()):
            yield f"layer {name}: another CRS"
        yield from _compare_features(name, *layers)


def _compare_features(name: str, then: Any, now: Any) -> Iterator[str]:
    """Compare features as a bag: their order and numbers say nothing."""
    counted = Counter(map(hash, map(_feature, then)))
    counted.subtract(map(hash, map(_feature, now)))
    gone = sum(count for count in counted.values() if count > 0)
    new = -sum(count for count in counted.values() if count < 0)
    if gone or new:
        yield f"layer {name}: {gone} features of then are not there, {new} are new"


def _feature(feature: Any) -> tuple[bytes | None, tuple[str, ...]]:
    geometry = feature.GetGeometryRef()
    values = tuple(feature.GetFieldAsString(at) for at in range(feature.GetFieldCount()))
    return bytes(geometry.ExportToIsoWkb()) if geometry else None, values


def _fields(layer: Any) -> list[tuple[str, str]]:
    defined = layer.GetLayerDefn()
    fields = (defined.GetFieldDefn(at) for at in range(defined.GetFieldCount()))
    return [(field.GetName(), field.GetTypeName()) for field in fields]


def _crs(reference: Any) -> str | None:
    return str(reference.ExportToWkt()) if reference else None


if __name__ == "__main__":
    opened = [gdal.OpenEx(path, gdal.OF_RASTER | gdal.OF_VECTOR) for path in sys.argv[1:3]]
    found = list(compare(*opened))
    json.dump({"same": not found, "differences": found[:_MOST]}, sys.stdout)
