"""Describes a data set for catalogues: where on the Earth it is, and what it contains."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from ogdc_shared.shortening import shortened
from ogdc_worker.process.extent import Extent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ogdc_worker.process.gdal import Band, Dataset, Layer
    from ogdc_worker.process.gdal_crs import Crs

_MAX_BANDS, _MAX_LAYERS, _MAX_COLUMNS = 64, 10, 64
_MAX_READ = 1_000_000
"""Maximum number of features to read if the file does not store its extent."""
_MAX_TEXT, _MAX_DEFINITION = 60, 10_000
"""In characters; keeps a description shorter than a line of the journal."""


def describe(dataset: Dataset, bands: Sequence[Band], layers: Sequence[Layer]) -> dict[str, Any] | None:
    """Describe a georeferenced data set; None if it is not georeferenced.

    Returns:
        `driver`; `cloud_optimized`; `geometry` (GeoJSON in WGS 84); `extent` in units of the CRS (for layers,
        only if they share one); `code` or else `wkt2` of the CRS. For a raster also `shape` (rows, columns),
        `transform` (see `Dataset.transform`) and `bands` (None if there are very many). For vector data the
        first `layers`, and for a single layer `columns`, `column_count` and `geometry_column`.
    """
    found = _raster(dataset, bands) if bands else _vector(layers)
    if not found or not found["geometry"]:
        return None
    return {"driver": dataset.driver, "cloud_optimized": dataset.is_cloud_optimized} | found


def _raster(dataset: Dataset, bands: Sequence[Band]) -> dict[str, Any] | None:
    transform, crs = dataset.transform, dataset.crs
    if transform is None or crs is None:
        return None
    extent = _extent_of(transform, *dataset.shape)
    if not extent.is_finite:
        return None
    return {
        "geometry": crs.footprint(extent),
        "extent": extent,
        **_named(crs),
        "shape": dataset.shape,
        "transform": transform,
        "bands": [_band(each) for each in bands] if len(bands) <= _MAX_BANDS else None,
    }


def _extent_of(transform: Sequence[float], rows: int, columns: int) -> Extent:
    """Return the bounding box of the four corners, since a raster may be rotated or start in the south."""
    x0, dx_column, dx_row, y0, dy_column, dy_row = transform
    corners = [(column, row) for column in (0, columns) for row in (0, rows)]
    x = [x0 + column * dx_column + row * dx_row for column, row in corners]
    y = [y0 + column * dy_column + row * dy_row for column, row in corners]
    return Extent(min(x), min(y), max(x), max(y))


def _band(band: Band) -> dict[str, Any]:
    nodata = band.nodata if band.nodata is None or isfinite(band.nodata) else str(band.nodata)
    texts = {"unit": band.unit[:_MAX_TEXT], "description": band.description[:_MAX_TEXT]}
    return {"data_type": band.type_name, "nodata": nodata} | {
        key: text for key, text in texts.items() if text
    }


def _vector(layers: Sequence[Layer]) -> dict[str, Any] | None:
    """Describe the layers that have geometries, a CRS and features; None if there are none."""
    placed = []
    for layer in layers[:_MAX_LAYERS]:
        extent, crs = _extent_of_layer(layer), layer.crs
        if extent and extent.is_finite and crs:
            placed.append((extent, crs, crs.footprint(extent)))
    footprints = [footprint for _, _, footprint in placed if footprint]
    if not footprints:
        return None
    names = [_named(crs) for _, crs, _ in placed]
    shared = names[0] | {"extent": _union([extent for extent, _, _ in placed])} if _same(names) else {}
    return {
        "geometry": _together(footprints),
        **shared,
        "layers": [_layer(each) for each in layers[:_MAX_LAYERS]],
        **(_columns(layers[0]) if len(layers) == 1 else {}),
    }


def _extent_of_layer(layer: Layer) -> Extent | None:
    count = layer.count()
    return layer.extent(may_read=count is not None and count <= _MAX_READ) if layer.is_spatial else None


def _layer(layer: Layer) -> dict[str, Any]:
    kind = {"geometry_type": layer.geometry_type} if layer.is_spatial else {}
    return {"name": layer.name[:_MAX_TEXT], "features": layer.count()} | kind


def _columns(layer: Layer) -> dict[str, Any]:
    """Return the geometry column, the first attributes (name, type), and the number of all attributes."""
    columns = [(shortened(name, _MAX_TEXT), kind) for name, kind in layer.columns(_MAX_COLUMNS)]
    geometry = shortened(layer.geometry_column, _MAX_TEXT)
    return {"geometry_column": geometry, "columns": columns, "column_count": layer.column_count}


def _named(crs: Crs) -> dict[str, str]:
    code = crs.code()
    return {"code": code} if code else {"wkt2": crs.wkt2()[:_MAX_DEFINITION]}


def _same(names: Sequence[dict[str, str]]) -> bool:
    return all(each == names[0] for each in names)


def _union(extents: Sequence[Extent]) -> Extent:
    return Extent(
        min(each.west for each in extents),
        min(each.south for each in extents),
        max(each.east for each in extents),
        max(each.north for each in extents),
    )


def _together(geometries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if len(geometries) == 1:
        return geometries[0]
    return {"type": "GeometryCollection", "geometries": list(geometries)}
