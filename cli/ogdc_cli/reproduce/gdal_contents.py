"""A standalone program for a Python with GDAL's bindings that compares the data of two files.

It prints a line of JSON: `same`, and the differences; nothing if it cannot tell. It does not import this
distribution, and runs in a sandbox. It does not compare formats with relevant data that GDAL does not
expose, or that refer to other files: two such files are the same only if their bytes are.
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

_RASTERS, _VECTORS = {"GTiff"}, {"GPKG", "ESRI Shapefile", "FlatGeobuf"}
_MOST = 20
"""Differences that are named."""
_WHEN_AND_BY = {"TIFFTAG_DATETIME", "TIFFTAG_SOFTWARE", "DBF_DATE_LAST_UPDATE"}
"""Metadata of how a file was written, not of what is in it."""
_TIMES = {ogr.OFTDate, ogr.OFTTime, ogr.OFTDateTime}
_Facts = dict[str, Callable[[Any], object]]


def is_known(each: Any) -> bool:
    """Whether all of a data set is compared here."""
    driver, layers = each.GetDriver().ShortName, each.GetLayerCount()
    if each.GetSubDatasets():
        return False
    if driver in _RASTERS:
        return bool(each.RasterCount) and not layers
    return driver in _VECTORS and bool(layers) and not each.RasterCount


def compare(then: Any, now: Any) -> Iterator[str]:
    """Yield what differs between two data sets, in words."""
    yield from _compare_facts("", {"metadata": _metadata}, then, now)
    if then.RasterCount or now.RasterCount:
        yield from _compare_rasters(then, now)
    else:
        yield from _compare_layers(then, now)


def _compare_facts(where: str, facts: _Facts, then: Any, now: Any) -> Iterator[str]:
    for name, look in facts.items():
        if look(then) != look(now):
            yield f"{where}{name}: {look(then)} then, {look(now)} now"


def _compare_rasters(then: Any, now: Any) -> Iterator[str]:
    yield from _compare_facts("", _PLACE, then, now)
    if _PLACE["size"](then) == _PLACE["size"](now):
        for number in range(1, then.RasterCount + 1):
            where = f"band {number}: "
            yield from _compare_bands(where, then.GetRasterBand(number), now.GetRasterBand(number))


def _compare_bands(where: str, then: Any, now: Any) -> Iterator[str]:
    found = list(_compare_facts(where, _BAND, then, now))
    yield from found
    if any(_BAND[name](then) != _BAND[name](now) for name in ("type", "size", "mask", "overviews")):
        return
    yield from _compare_values(where, then, now)
    if then.GetMaskFlags() & gdal.GMF_PER_DATASET:
        yield from _compare_values(f"{where}mask: ", then.GetMaskBand(), now.GetMaskBand())
    for at in range(then.GetOverviewCount()):
        overviews = then.GetOverview(at), now.GetOverview(at)
        if _BAND["size"](overviews[0]) != _BAND["size"](overviews[1]):
            yield f"{where}overview {at + 1}: of another size"
        else:
            yield from _compare_values(f"{where}overview {at + 1}: ", *overviews)


def _compare_values(where: str, then: Any, now: Any) -> Iterator[str]:
    rows = sum(
        then.ReadRaster(0, row, then.XSize, 1) != now.ReadRaster(0, row, then.XSize, 1)
        for row in range(then.YSize)
    )
    if rows:
        yield f"{where}{rows} of {then.YSize} rows hold other values"


def _compare_layers(then: Any, now: Any) -> Iterator[str]:
    names = [[each.GetLayer(at).GetName() for at in range(each.GetLayerCount())] for each in (then, now)]
    if sorted(names[0]) != sorted(names[1]):
        yield f"layers: {names[0]} then, {names[1]} now"
        return
    for name in names[0]:
        layers = then.GetLayerByName(name), now.GetLayerByName(name)
        yield from _compare_facts(f"layer {name}: ", _LAYER, *layers)
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
    values = tuple(_value(feature, at) for at in range(feature.GetFieldCount()))
    return bytes(geometry.ExportToIsoWkb()) if geometry else None, values


def _value(feature: Any, at: int) -> str:
    """Render a value, each in its own way: nothing, an empty text, a number to its last digit."""
    if not feature.IsFieldSetAndNotNull(at):
        return "null" if feature.IsFieldSet(at) else "unset"
    kind = feature.GetFieldType(at)
    if kind in _TIMES:
        return repr(feature.GetFieldAsDateTime(at))
    if kind == ogr.OFTBinary:
        return bytes(feature.GetFieldAsBinary(at)).hex()
    return repr(feature.GetField(at))


def _fields(layer: Any) -> list[tuple[str, str, int]]:
    defined = layer.GetLayerDefn()
    fields = (defined.GetFieldDefn(at) for at in range(defined.GetFieldCount()))
    return [(field.GetName(), field.GetTypeName(), field.GetSubType()) for field in fields]


def _metadata(each: Any) -> dict[str, str]:
    return {name: value for name, value in each.GetMetadata().items() if name not in _WHEN_AND_BY}


def _colors(table: Any) -> list[tuple[int, ...]] | None:
    return [table.GetColorEntry(at) for at in range(table.GetCount())] if table else None


def _crs(reference: Any) -> tuple[str, float] | None:
    return (str(reference.ExportToWkt()), reference.GetCoordinateEpoch()) if reference else None


_PLACE: _Facts = {
    "size": lambda each: (each.RasterXSize, each.RasterYSize, each.RasterCount),
    "place": lambda each: each.GetGeoTransform(can_return_null=True),
    "CRS": lambda each: _crs(each.GetSpatialRef()),
    "control points": lambda each: [
        (point.GCPPixel, point.GCPLine, point.GCPX, point.GCPY, point.GCPZ) for point in each.GetGCPs()
    ],
    "CRS of control points": lambda each: _crs(each.GetGCPSpatialRef()),
    "RPC": lambda each: each.GetMetadata("RPC"),
}
_BAND: _Facts = {
    "type": lambda band: gdal.GetDataTypeName(band.DataType),
    "size": lambda band: (band.XSize, band.YSize),
    "nodata": lambda band: repr(band.GetNoDataValue()),
    "scale": lambda band: band.GetScale(),
    "offset": lambda band: band.GetOffset(),
    "unit": lambda band: band.GetUnitType(),
    "description": lambda band: band.GetDescription(),
    "colour": lambda band: gdal.GetColorInterpretationName(band.GetColorInterpretation()),
    "colours": lambda band: _colors(band.GetColorTable()),
    "categories": lambda band: band.GetCategoryNames(),
    "mask": lambda band: band.GetMaskFlags(),
    "overviews": lambda band: band.GetOverviewCount(),
    "metadata": _metadata,
}
_LAYER: _Facts = {
    "fields": _fields,
    "CRS": lambda layer: _crs(layer.GetSpatialRef()),
    "geometry type": lambda layer: layer.GetGeomType(),
    "metadata": _metadata,
}

if __name__ == "__main__":
    opened = [
        gdal.OpenEx(
            path,
            gdal.OF_RASTER | gdal.OF_VECTOR,
            open_options=["LIST_ALL_TABLES=YES"] if path.endswith(".gpkg") else [],
        )
        for path in sys.argv[1:3]
    ]
    if all(map(is_known, opened)) and len({each.GetDriver().ShortName for each in opened}) == 1:
        found = list(compare(*opened))
        json.dump({"same": not found, "differences": found[:_MOST]}, sys.stdout)
