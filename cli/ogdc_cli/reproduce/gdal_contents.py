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
_MAX_DIFFERENCES, _MAX_SHOWN = 20, 200
"""Differences that are named, and characters of each value."""
_WHEN_AND_BY = {"TIFFTAG_DATETIME", "TIFFTAG_SOFTWARE", "DBF_DATE_LAST_UPDATE"}
"""Metadata of how a file was written, not of what is in it."""
_LAYOUT, _DERIVED = "IMAGE_STRUCTURE", "DERIVED_SUBDATASETS"
"""Metadata domains of how a raster is stored, and of what GDAL can compute from it."""
_MEANING = {"NBITS", "PIXELTYPE", "MINISWHITE"}
"""The metadata of a raster's layout that say what its values mean."""
_TIMES = {ogr.OFTDate, ogr.OFTTime, ogr.OFTDateTime}
_OF_FIELD = (
    *("GetAlternativeName", "GetTypeName", "GetSubType", "GetWidth", "GetPrecision"),
    *("GetComment", "GetDomainName", "GetDefault", "IsNullable", "IsUnique"),
)
_OWN_TABLES = ("gpkg_data_columns", "gpkg_data_column_constraints", "gpkgext_relations")
"""Of a GeoPackage: names and domains of columns, the values of the domains, relations between tables.

Source: OGC 12-128r18, clause 2.3 and annex F.9 (Schema), and 18-000 (Related Tables)."""
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
    yield from _compare_facts("", _DATA_SET, then, now)
    if then.RasterCount or now.RasterCount:
        yield from _compare_rasters(then, now)
    else:
        yield from _compare_layers(then, now)


def _compare_facts(where: str, facts: _Facts, then: Any, now: Any) -> Iterator[str]:
    for name, look in facts.items():
        yield from _differences(f"{where}{name}", look(then), look(now))


def _differences(what: str, then: object, now: object) -> Iterator[str]:
    """Compare two values, of two dictionaries each item by itself."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted({*then, *now}):
            yield from _differences(f"{what} {key}".rstrip(), then.get(key), now.get(key))
    elif then != now:
        yield f"{what}: {_shown(then)} then, {_shown(now)} now"


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


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
        yield f"{where}{rows} of {then.YSize} rows have different values"


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
        yield f"layer {name}: {gone} features are missing, {new} are new"


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


def _fields(layer: Any) -> dict[str, object]:
    defined = layer.GetLayerDefn()
    fields = [defined.GetFieldDefn(at) for at in range(defined.GetFieldCount())]
    described: dict[str, object] = {field.GetName(): _called(field) for field in fields}
    return {"": [field.GetName() for field in fields]} | described


def _tables(each: Any) -> dict[str, object]:
    """The rows of a GeoPackage's own tables; GDAL 3.6 reads only a part of them."""
    if each.GetDriver().ShortName != "GPKG":
        return {}
    known = {str(row[0]) for row in _rows(each, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    queries = {name: f"SELECT * FROM {name}" for name in _OWN_TABLES if name in known}  # noqa: S608
    return {name: sorted(map(str, _rows(each, query))) for name, query in queries.items()}


def _rows(each: Any, query: str) -> list[list[object]]:
    layer = each.ExecuteSQL(query)
    rows = [[row.GetField(at) for at in range(row.GetFieldCount())] for row in layer]
    each.ReleaseResultSet(layer)
    return rows


def _called(field: Any) -> dict[str, object]:
    """What a field's methods answer, of those that this release of GDAL has."""
    return {name.removeprefix("Get"): getattr(field, name)() for name in _OF_FIELD if hasattr(field, name)}


def _metadata(each: Any) -> dict[str, dict[str, str] | list[str]]:
    """All metadata by domain, such as those of a color profile, without those of how a file was written."""
    found = {}
    for domain in sorted({"", _LAYOUT, *(each.GetMetadataDomainList() or ())} - {_DERIVED}):
        if domain.startswith(("xml:", "json:")):
            found[domain] = each.GetMetadata_List(domain)
            continue
        items = (each.GetMetadata_Dict(domain) or {}).items()
        found[domain] = {
            name: value
            for name, value in items
            if (name in _MEANING if domain == _LAYOUT else name not in _WHEN_AND_BY)
        }
    return {domain: values for domain, values in found.items() if values}


def _attribute_table(table: Any) -> list[object] | None:
    if table is None:
        return None
    columns = range(table.GetColumnCount())
    rows = range(table.GetRowCount())
    return [
        [(table.GetNameOfCol(at), table.GetTypeOfCol(at), table.GetUsageOfCol(at)) for at in columns],
        [[table.GetValueAsString(row, at) for at in columns] for row in rows],
    ]


def _colors(table: Any) -> list[tuple[int, ...]] | None:
    return [table.GetColorEntry(at) for at in range(table.GetCount())] if table else None


def _crs(reference: Any) -> tuple[str, float] | None:
    return (str(reference.ExportToWkt()), reference.GetCoordinateEpoch()) if reference else None


_DATA_SET: _Facts = {"metadata": _metadata, "table": _tables}
_PLACE: _Facts = {
    "size": lambda each: (each.RasterXSize, each.RasterYSize, each.RasterCount),
    "place": lambda each: each.GetGeoTransform(can_return_null=True),
    "CRS": lambda each: _crs(each.GetSpatialRef()),
    "control points": lambda each: [
        (point.GCPPixel, point.GCPLine, point.GCPX, point.GCPY, point.GCPZ) for point in each.GetGCPs()
    ],
    "CRS of control points": lambda each: _crs(each.GetGCPSpatialRef()),
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
    "attribute table": lambda band: _attribute_table(band.GetDefaultRAT()),
    "metadata": _metadata,
}
_LAYER: _Facts = {
    "fields": _fields,
    "CRS": lambda layer: _crs(layer.GetSpatialRef()),
    "geometry type": lambda layer: layer.GetGeomType(),
    "geometry column": lambda layer: layer.GetGeometryColumn(),
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
        json.dump({"same": not found, "differences": found[:_MAX_DIFFERENCES]}, sys.stdout)
