"""A coordinate reference system (CRS) in GDAL, and footprints in longitude and latitude.

GDAL splits geometries at the antimeridian and handles those that contain a pole. Nothing is freed, because
the process ends after checking its files.

Source: ogr/ogr_srs_api.h and ogr/ogr_api.h of GDAL; RFC 7946 (GeoJSON), section 3.1.9.
"""

from __future__ import annotations

import ctypes
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ogdc_worker.process.extent import Extent

_POINTERS = (
    *("OSRNewSpatialReference", "OCTNewCoordinateTransformation", "OGR_GeomTransformer_Create"),
    *("OGR_GeomTransformer_Transform", "OGR_G_ExportToJsonEx", "OSRClone"),
)
_WGS84 = 4326
_LON_LAT = 0
"""`OAMS_TRADITIONAL_GIS_ORDER`: x before y, regardless of the CRS's axis order."""
_STEPS = 32
"""Segments per side of a rectangle, because sides that are straight in one CRS are curved in another."""
_WRAP = b"WRAPDATELINE=YES"
_DECIMALS = b"COORDINATE_PRECISION=7"
"""About one centimetre."""


class Crs:
    """A coordinate reference system."""

    def __init__(self, c: Any, handle: ctypes.c_void_p) -> None:
        """Copy a CRS."""
        for name in _POINTERS:
            getattr(c, name).restype = ctypes.c_void_p
        c.OSRGetAuthorityName.restype = c.OSRGetAuthorityCode.restype = ctypes.c_char_p
        self._c = c
        self._handle = ctypes.c_void_p(c.OSRClone(handle))
        c.OSRSetAxisMappingStrategy(self._handle, _LON_LAT)

    def code(self) -> str | None:
        """Return authority and code, such as EPSG:3413; None if it has none and cannot be identified."""
        if not self._c.OSRGetAuthorityCode(self._handle, None):
            self._c.OSRAutoIdentifyEPSG(self._handle)
        authority = self._c.OSRGetAuthorityName(self._handle, None)
        code = self._c.OSRGetAuthorityCode(self._handle, None)
        return f"{authority.decode()}:{code.decode()}" if authority and code else None

    def wkt2(self) -> str:
        """Return its definition as well-known text (ISO 19162:2019)."""
        text = ctypes.c_char_p()
        self._c.OSRExportToWktEx(self._handle, ctypes.byref(text), _options(b"FORMAT=WKT2_2019"))
        return (text.value or b"").decode(errors="replace")

    def footprint(self, extent: Extent) -> dict[str, Any] | None:
        """Return a rectangle's footprint as GeoJSON in WGS 84; None if it cannot be transformed."""
        c = self._c
        target = ctypes.c_void_p(c.OSRNewSpatialReference(b""))
        if c.OSRImportFromEPSG(target, _WGS84):
            return None  # PROJ's database is missing
        c.OSRSetAxisMappingStrategy(target, _LON_LAT)
        transformation = c.OCTNewCoordinateTransformation(self._handle, target)
        outline = self._outline(extent)
        if not (transformation and outline):
            return None
        transformer = c.OGR_GeomTransformer_Create(ctypes.c_void_p(transformation), _options(_WRAP))
        moved = c.OGR_GeomTransformer_Transform(ctypes.c_void_p(transformer), outline)
        return self._to_json(moved) if moved else None

    def _outline(self, extent: Extent) -> ctypes.c_void_p | None:
        text = ctypes.c_char_p(extent.to_wkt().encode())
        geometry = ctypes.c_void_p()
        if self._c.OGR_G_CreateFromWkt(ctypes.byref(text), self._handle, ctypes.byref(geometry)):
            return None
        longest = max(extent.east - extent.west, extent.north - extent.south)
        if longest:
            self._c.OGR_G_Segmentize(geometry, ctypes.c_double(longest / _STEPS))
        return geometry

    def _to_json(self, geometry: int) -> dict[str, Any] | None:
        address = self._c.OGR_G_ExportToJsonEx(ctypes.c_void_p(geometry), _options(_DECIMALS))
        with suppress(ValueError, TypeError):
            found = json.loads(ctypes.string_at(address))
            return found if isinstance(found, dict) else None
        return None


def _options(*texts: bytes) -> Any:
    return (ctypes.c_char_p * (len(texts) + 1))(*texts, None)
