"""The WMTS capabilities document, with which map programs find the tiles. It needs no WMTS server.

Source: OGC 07-057r7 (WMTS 1.0.0), section 7 and annex B; OGC 06-121r3 (OWS Common 1.1.0).
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pyproj

from ogdc_visualization.grid import Bounds
from ogdc_visualization.products.degrees import lon_lat_bounds
from ogdc_visualization.products.description import Layer, Limits, MapDescription, Matrix, extent_of
from ogdc_visualization.units import metres_per_unit

_WMTS, _OWS, _XLINK = (
    "http://www.opengis.net/wmts/1.0",
    "http://www.opengis.net/ows/1.1",
    "http://www.w3.org/1999/xlink",
)
_PIXEL = 0.00028
"""The size of a pixel in metres that scale denominators refer to."""


def build_capabilities(description: MapDescription, *, base_url: str) -> str:
    """Return the document.

    Args:
        description: The map.
        base_url: The URL of the output's root, with a slash at its end. If it is empty, paths are relative to
            the document.
    """
    for prefix, namespace in (("", _WMTS), ("ows", _OWS), ("xlink", _XLINK)):
        ET.register_namespace(prefix, namespace)
    root = ET.Element(f"{{{_WMTS}}}Capabilities", version="1.0.0")
    service = _add(root, "ows:ServiceIdentification")
    _add(service, "ows:Title", description.title)
    _add(service, "ows:ServiceType", "OGC WMTS")
    _add(service, "ows:ServiceTypeVersion", "1.0.0")
    contents = _add(root, "Contents")
    for layer in description.layers:
        _add_layer(contents, description, layer, base_url)
    _add_matrix_set(contents, description)
    _add(root, "ServiceMetadataURL").set(f"{{{_XLINK}}}href", f"{base_url}WMTSCapabilities.xml")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _add_layer(contents: ET.Element, description: MapDescription, layer: Layer, base_url: str) -> None:
    """Add a statistic as a layer, with its extent and the URL template of its tiles."""
    top = description.levels[-1]
    extent = extent_of(description.matrices[top], description.limits[top], description.tile_size)
    element = _add(contents, "Layer")
    _add(element, "ows:Title", f"{description.title}: {layer.name}")
    bounds = lon_lat_bounds(extent, description.crs)
    # OWS Common does not define boxes across the antimeridian. Readers accept one from 180 west to 180 east.
    west, east = (bounds.west, bounds.east) if bounds.west < bounds.east else (-180.0, 180.0)
    _add_corners(_add(element, "ows:WGS84BoundingBox"), (west, bounds.south), (east, bounds.north))
    _add(element, "ows:Identifier", layer.name)
    box = _add(element, "ows:BoundingBox")
    box.set("crs", crs_urn(description.crs))
    _add_corners(box, *_ordered_corners(extent, description.crs))
    style = _add(element, "Style")
    style.set("isDefault", "true")
    _add(style, "ows:Identifier", "default")
    _add(element, "Format", "image/png")
    link = _add(element, "TileMatrixSetLink")
    _add(link, "TileMatrixSet", description.tms_id)
    limits = _add(link, "TileMatrixSetLimits")
    for level in description.levels:
        _add_limits(limits, level, description.limits[level])
    template = (
        layer.template.replace("{z}", "{TileMatrix}").replace("{x}", "{TileCol}").replace("{y}", "{TileRow}")
    )
    _add(element, "ResourceURL").attrib.update(
        format="image/png", resourceType="tile", template=base_url + template
    )


def _add_limits(parent: ET.Element, level: int, limits: Limits) -> None:
    """Add the range of the tiles of a level."""
    element = _add(parent, "TileMatrixLimits")
    _add(element, "TileMatrix", str(level))
    _add(element, "MinTileRow", str(limits.min_row))
    _add(element, "MaxTileRow", str(limits.max_row))
    _add(element, "MinTileCol", str(limits.min_column))
    _add(element, "MaxTileCol", str(limits.max_column))


def _add_matrix_set(contents: ET.Element, description: MapDescription) -> None:
    """Add the grid, with the levels that have tiles."""
    element = _add(contents, "TileMatrixSet")
    _add(element, "ows:Identifier", description.tms_id)
    _add(element, "ows:SupportedCRS", crs_urn(description.crs))
    for level in description.levels:
        _add_matrix(element, description.matrices[level], description)


def _add_matrix(parent: ET.Element, matrix: Matrix, description: MapDescription) -> None:
    """Add one level of the grid."""
    element = _add(parent, "TileMatrix")
    _add(element, "ows:Identifier", str(matrix.level))
    scale = matrix.cell * metres_per_unit(description.crs) / _PIXEL
    _add(element, "ScaleDenominator", repr(scale))
    _add(element, "TopLeftCorner", _numbers(_ordered((matrix.west, matrix.north), description.crs)))
    _add(element, "TileWidth", str(description.tile_size))
    _add(element, "TileHeight", str(description.tile_size))
    _add(element, "MatrixWidth", str(matrix.columns))
    _add(element, "MatrixHeight", str(matrix.rows))


def crs_urn(crs: str) -> str:
    """Return the OGC URN of a CRS: `urn:ogc:def:crs:EPSG::4326` for `EPSG:4326`."""
    authority, code = crs.split(":")
    version = "1.3" if authority == "OGC" else ""
    return f"urn:ogc:def:crs:{authority}:{version}:{code}"


def _ordered(point: tuple[float, float], crs: str) -> tuple[float, float]:
    """Return a point (x, y) in the axis order that its CRS defines."""
    first = pyproj.CRS(crs).axis_info[0]
    return point[::-1] if first.direction == "north" or first.abbrev in {"N", "Lat"} else point


def _ordered_corners(extent: Bounds, crs: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return a rectangle's lower and upper corners in the axis order of its CRS."""
    return _ordered((extent.west, extent.south), crs), _ordered((extent.east, extent.north), crs)


def _add_corners(box: ET.Element, lower: tuple[float, float], upper: tuple[float, float]) -> None:
    _add(box, "ows:LowerCorner", _numbers(lower))
    _add(box, "ows:UpperCorner", _numbers(upper))


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(map(repr, values))


def _add(parent: ET.Element, name: str, text: str | None = None) -> ET.Element:
    """Add an element and return it. Names with the prefix `ows:` are from OWS Common."""
    prefix, _, local = name.rpartition(":")
    element = ET.SubElement(parent, f"{{{_OWS if prefix else _WMTS}}}{local}")
    element.text = text
    return element
