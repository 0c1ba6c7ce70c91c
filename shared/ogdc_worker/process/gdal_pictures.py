"""Small pictures of data sets, read or drawn with GDAL.

Source: gcore/gdal.h (GDALRasterIO, colour tables) and alg/gdal_alg.h (GDALRasterizeLayers) of GDAL.
"""

from __future__ import annotations

import ctypes
from array import array
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ogdc_worker.process.extent import Extent

MAX_SIDE = 256
_MAX_PIXELS = 1 << 25
"""Limit for rasters without overviews, which may have to be read in full."""
_MAX_FEATURES = 200_000
_BYTE, _FLOAT = 1, 6
_PALETTE, _RGB = 2, (3, 4, 5)
_STOPS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
"""Colour ramp from small to large values, the same as on the web page's map."""
_DRAWN = bytes((255, 255, 255, 11, 83, 148))


class Pixels(NamedTuple):
    """An uncompressed picture."""

    width: int
    height: int
    values: bytes
    """Rows from top to bottom: colour indexes, or red, green and blue if there is no palette."""
    palette: bytes = b""
    """Red, green and blue of each colour index."""
    hidden: int | None = None
    """The transparent colour index."""


class Pictures:
    """Draws the pictures of one data set."""

    def __init__(self, c: Any, handle: ctypes.c_void_p) -> None:
        self._c = c
        self._handle = handle
        for name in ("GDALGetRasterColorTable", "GDALGetColorEntry", "GDALCreate"):
            getattr(c, name).restype = ctypes.c_void_p
        c.OGR_L_GetFeatureCount.restype = ctypes.c_longlong

    def raster(self) -> Pixels | None:
        """Draw a raster; None if that fails or would take too long."""
        columns, rows = self._c.GDALGetRasterXSize(self._handle), self._c.GDALGetRasterYSize(self._handle)
        bands = [self._band(number) for number in range(1, self._c.GDALGetRasterCount(self._handle) + 1)]
        if not self._c.GDALGetOverviewCount(bands[0]) and columns * rows > _MAX_PIXELS:
            return None
        kinds = [self._c.GDALGetRasterColorInterpretation(band) for band in bands]
        types = [self._c.GDALGetRasterDataType(band) for band in bands]
        size = _fitted(columns, rows)
        if all(kind in kinds and types[kinds.index(kind)] == _BYTE for kind in _RGB):
            return self._colored([bands[kinds.index(kind)] for kind in _RGB], size)
        if kinds[0] == _PALETTE and types[0] == _BYTE:
            return self._by_palette(bands[0], size)
        return self._by_value(bands[0], size)

    def layers(self, extent: Extent) -> Pixels | None:
        """Draw all layers, which must share a CRS; None if that fails or there are too many features."""
        handles = [
            ctypes.c_void_p(self._c.GDALDatasetGetLayer(self._handle, number))
            for number in range(self._c.GDALDatasetGetLayerCount(self._handle))
        ]
        if not 0 <= sum(self._c.OGR_L_GetFeatureCount(each, 0) for each in handles) <= _MAX_FEATURES:
            return None
        extent = _with_area(extent)
        across, down = extent.east - extent.west, extent.north - extent.south
        width, height = _fitted_shape(across / down)
        canvas = self._canvas(width, height)
        corners = (ctypes.c_double * 6)(extent.west, across / width, 0, extent.north, 0, -down / height)
        self._c.GDALSetGeoTransform(canvas, corners)
        burnt = (ctypes.c_double * len(handles))(*(1.0 for _ in handles))
        options = (ctypes.c_char_p * 2)(b"ALL_TOUCHED=TRUE", None)
        listed, first = (ctypes.c_void_p * len(handles))(*handles), (ctypes.c_int * 1)(1)
        failed = self._c.GDALRasterizeLayers(
            canvas, 1, first, len(handles), listed, None, None, burnt, options, None, None
        )
        values = None if failed else self._read(self._band(1, canvas), (width, height), (width, height))
        self._c.GDALClose(canvas)
        return Pixels(width, height, values, _DRAWN, hidden=0) if values else None

    def _canvas(self, width: int, height: int) -> ctypes.c_void_p:
        driver = ctypes.c_void_p(self._c.GDALGetDriverByName(b"MEM"))
        return ctypes.c_void_p(self._c.GDALCreate(driver, b"", width, height, 1, _BYTE, None))

    def _band(self, number: int, handle: ctypes.c_void_p | None = None) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._c.GDALGetRasterBand(handle or self._handle, number))

    def _read(
        self, band: ctypes.c_void_p, of: tuple[int, int], size: tuple[int, int], kind: int = _BYTE
    ) -> bytes | None:
        buffer = ctypes.create_string_buffer(size[0] * size[1] * (4 if kind == _FLOAT else 1))
        failed = self._c.GDALRasterIO(band, 0, 0, 0, *of, buffer, *size, kind, 0, 0)
        return None if failed else buffer.raw

    def _shape(self, band: ctypes.c_void_p) -> tuple[int, int]:
        return self._c.GDALGetRasterBandXSize(band), self._c.GDALGetRasterBandYSize(band)

    def _colored(self, bands: list[ctypes.c_void_p], size: tuple[int, int]) -> Pixels | None:
        values = bytearray(3 * size[0] * size[1])
        for number, band in enumerate(bands):
            read = self._read(band, self._shape(band), size)
            if read is None:
                return None
            values[number::3] = read
        return Pixels(*size, bytes(values))

    def _by_palette(self, band: ctypes.c_void_p, size: tuple[int, int]) -> Pixels | None:
        address = self._c.GDALGetRasterColorTable(band)
        values = self._read(band, self._shape(band), size)
        if not address or values is None:
            return None
        table = ctypes.c_void_p(address)
        palette = bytearray(768)
        for number in range(min(256, self._c.GDALGetColorEntryCount(table))):
            entry = ctypes.cast(
                self._c.GDALGetColorEntry(table, number), ctypes.POINTER(ctypes.c_short * 4)
            ).contents
            palette[3 * number : 3 * number + 3] = bytes(each & 255 for each in entry[:3])
        nodata = self._nodata(band)
        hidden = int(nodata) if nodata is not None and 0 <= nodata <= 255 else None
        return Pixels(*size, values, bytes(palette), hidden)

    def _by_value(self, band: ctypes.c_void_p, size: tuple[int, int]) -> Pixels | None:
        read = self._read(band, self._shape(band), size, _FLOAT)
        if read is None:
            return None
        values, nodata = array("f", read), self._nodata(band)
        absent = None if nodata is None else array("f", [nodata])[0]
        there = [value for value in values if value != absent and isfinite(value)]
        if not there:
            return None
        low, high = min(there), max(there)
        scale = 254 / (high - low) if high > low else 0.0
        numbers = bytes(
            int((value - low) * scale) + 1 if value != absent and isfinite(value) else 0 for value in values
        )
        return Pixels(*size, numbers, _ramp(), hidden=0)

    def _nodata(self, band: ctypes.c_void_p) -> float | None:
        there = ctypes.c_int()
        value: float = self._c.GDALGetRasterNoDataValue(band, ctypes.byref(there))
        return value if there.value else None


def _fitted(columns: int, rows: int) -> tuple[int, int]:
    scale = min(1.0, MAX_SIDE / max(columns, rows))
    return max(1, round(columns * scale)), max(1, round(rows * scale))


def _fitted_shape(ratio: float) -> tuple[int, int]:
    """Return width and height for an aspect ratio (width / height)."""
    return max(1, round(MAX_SIDE * min(1.0, ratio))), max(1, round(MAX_SIDE * min(1.0, 1 / ratio)))


def _with_area(extent: Extent) -> Extent:
    """Return the extent with a margin, so that a point or a line has an area."""
    margin = 0.02 * max(extent.east - extent.west, extent.north - extent.south) or 1.0
    return type(extent)(
        extent.west - margin, extent.south - margin, extent.east + margin, extent.north + margin
    )


def _ramp() -> bytes:
    """Return a palette with black as index 0, which is transparent, and 255 colours of the ramp."""
    colors = bytearray(3)
    for number in range(255):
        at = number / 254 * (len(_STOPS) - 1)
        low = min(int(at), len(_STOPS) - 2)
        pairs = zip(_STOPS[low], _STOPS[low + 1], strict=True)
        colors += bytes(round(one + (other - one) * (at - low)) for one, other in pairs)
    return bytes(colors)
