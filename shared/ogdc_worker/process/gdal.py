"""The part of GDAL's C API that is needed to check a file, called in the shared library with ctypes.

Loading the library in a child of the worker takes 60 ms of CPU, importing the Python bindings 120 ms, and
running `gdalinfo` 90 ms per file. The C API is stable.

Source: gcore/gdal.h, ogr/ogr_api.h and port/cpl_error.h of GDAL.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from glob import glob
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from ogdc_worker.process.extent import Extent
    from ogdc_worker.process.gdal_crs import Crs
    from ogdc_worker.process.gdal_pictures import Pictures

OUT_OF_MEMORY = 2
_RASTER_AND_VECTOR, _ARRAYS, _VERBOSE = 0x02 | 0x04, 0x10, 0x40
_LAZY, _ALPHA = 1, 6
_MASK_OF_ALL_BANDS = 0x02
_FORMATS = {
    **{1: "B", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "d", 8: "h", 9: "i", 10: "f", 11: "d"},
    **{12: "Q", 13: "q", 14: "b"},
}
"""GDAL's data type → `struct` format; for complex types, the format of their parts."""
_POINTERS = (
    *("GDALOpenEx", "GDALGetRasterBand", "GDALDatasetGetLayer", "OGR_L_GetNextFeature"),
    *("OGR_L_GetSpatialRef", "OGR_F_GetGeometryRef", "GDALGetDriverByName", "GDALGetMetadata"),
    *("GDALGetDatasetDriver", "GDALGetSpatialRef", "OSRNewSpatialReference"),
    *("OGR_L_GetLayerDefn", "OGR_FD_GetFieldDefn", "GDALGetMaskBand", "GDALDatasetGetRootGroup"),
    *("GDALGroupGetMDArrayNames", "GDALGroupOpenMDArray", "GDALGroupGetGroupNames", "GDALGroupOpenGroup"),
)
_TEXTS = (
    *("GDALVersionInfo", "GDALGetProjectionRef", "GDALGetGCPProjection", "CPLGetLastErrorMsg"),
    *("OGR_L_GetName", "OSRGetName", "GDALGetDriverShortName", "GDALGetMetadataItem"),
    *("GDALGetDataTypeName", "GDALGetRasterUnitType", "GDALGetDescription", "OGRGeometryTypeToName"),
    *("OGR_Fld_GetNameRef", "OGR_GetFieldTypeName", "OGR_L_GetGeometryColumn"),
)
_UNDEFINED_CRS = b"Undefined "
"""Name prefix of the "undefined" CRSs of a GeoPackage (OGC 12-128r18, clause 1.1.2.1.2)."""


def find_library() -> str | None:
    """Return the path of the shared library of the GDAL on PATH, or None if there is none."""
    from shutil import which

    program = which("gdalinfo") or which("ogrinfo")
    if program is None:
        return None
    prefix = os.path.dirname(os.path.dirname(os.path.realpath(program)))
    for directory in ("lib", "lib64", "lib/*"):
        found = sorted(glob(f"{prefix}/{directory}/libgdal.so*"), key=len)
        if found:
            return found[0]
    return None


class Gdal:
    """The GDAL library, loaded into this process and never unloaded."""

    def __init__(self, path: str) -> None:
        """Load the library.

        Raises:
            OSError: it cannot be loaded, or is not GDAL.
        """
        dlopen = ctypes.CDLL(None).dlopen  # ctypes itself binds all symbols at once, twice as slow
        dlopen.restype = ctypes.c_void_p
        handle = dlopen(os.fsencode(path), _LAZY)
        if not handle:
            raise OSError(f"{path} cannot be loaded")
        self._c: Any = ctypes.CDLL(path, handle=handle)
        for name in _POINTERS:
            getattr(self._c, name).restype = ctypes.c_void_p
        for name in _TEXTS:
            getattr(self._c, name).restype = ctypes.c_char_p
        self._c.GDALGetRasterNoDataValue.restype = ctypes.c_double
        self._c.OGR_L_GetFeatureCount.restype = ctypes.c_longlong
        self._c.GDALMDArrayGetTotalElementsCount.restype = ctypes.c_ulonglong
        self._c.GDALAllRegister()

    def open_crs_database(self) -> None:
        """Open PROJ's database now, instead of when the first file with a CRS is opened."""
        crs = ctypes.c_void_p(self._c.OSRNewSpatialReference(b""))
        self._c.OSRImportFromEPSG(crs, 4326)
        self._c.OSRDestroySpatialReference(crs)

    def version(self) -> str:
        """Return the version, such as 3.6.2."""
        return _text(self._c.GDALVersionInfo(b"RELEASE_NAME"))

    def has_driver(self, name: str) -> bool:
        """Whether a driver is available."""
        return bool(self._c.GDALGetDriverByName(name.encode()))

    def open(self, path: str) -> Dataset | None:
        """Open a file or directory for reading; None if that fails."""
        options = (ctypes.c_char_p * 2)(b"IMMUTABLE=YES", None)  # otherwise SQLite creates files beside it
        self._c.CPLErrorReset()
        handle = self._c.GDALOpenEx(os.fsencode(path), _RASTER_AND_VECTOR | _VERBOSE, None, options, None)
        return Dataset(self._c, ctypes.c_void_p(handle)) if handle else None

    def has_values(self, path: str, coordinates: Container[str]) -> bool:
        """Whether a file has arrays, of any number of dimensions, and not all but its coordinates are empty.

        Args:
            path: The file.
            coordinates: Names of arrays that do not count, in lower case.
        """
        handle = self._c.GDALOpenEx(os.fsencode(path), _ARRAYS, None, None, None)
        if not handle:
            return True  # not known
        dataset = ctypes.c_void_p(handle)
        try:
            sizes = dict(self._sizes(ctypes.c_void_p(self._c.GDALDatasetGetRootGroup(dataset))))
        finally:
            self._c.GDALClose(dataset)
        others = {name: size for name, size in sizes.items() if name.lower() not in coordinates}
        return any((others or sizes).values())

    def _sizes(self, group: ctypes.c_void_p) -> Iterator[tuple[str, int]]:
        """Yield name and number of elements of the arrays in a group, which is released, and below it."""
        c = self._c
        for name in _list(c, c.GDALGroupGetMDArrayNames(group, None)):
            if address := c.GDALGroupOpenMDArray(group, name, None):
                array = ctypes.c_void_p(address)
                yield _text(name), c.GDALMDArrayGetTotalElementsCount(array)
                c.GDALMDArrayRelease(array)
        for name in _list(c, c.GDALGroupGetGroupNames(group, None)):
            yield from self._sizes(ctypes.c_void_p(c.GDALGroupOpenGroup(group, name, None)))
        c.GDALGroupRelease(group)

    def error(self) -> tuple[int, str]:
        """Return number and text of the last error."""
        return self._c.CPLGetLastErrorNo(), _text(self._c.CPLGetLastErrorMsg())


class Dataset:
    """An open data set."""

    def __init__(self, c: Any, handle: ctypes.c_void_p) -> None:
        self._c = c
        self._handle = handle

    def close(self) -> None:
        """Close it. It, its bands and its layers must not be used afterwards."""
        self._c.GDALClose(self._handle)

    @property
    def driver(self) -> str:
        """Short name of GDAL's driver, such as GTiff."""
        driver = ctypes.c_void_p(self._c.GDALGetDatasetDriver(self._handle))
        return _text(self._c.GDALGetDriverShortName(driver))

    @property
    def is_cloud_optimized(self) -> bool:
        """Whether it is a cloud-optimized GeoTIFF."""
        return bool(self._c.GDALGetMetadataItem(self._handle, b"LAYOUT", b"IMAGE_STRUCTURE") == b"COG")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a raster."""
        return self._c.GDALGetRasterYSize(self._handle), self._c.GDALGetRasterXSize(self._handle)

    @property
    def transform(self) -> tuple[float, ...] | None:
        """GDAL's geotransform from columns and rows to x and y, six numbers; None if there is none."""
        found = (ctypes.c_double * 6)()
        return None if self._c.GDALGetGeoTransform(self._handle, found) else tuple(found)

    @property
    def crs(self) -> Crs | None:
        """The CRS of a raster; None if it has none or an undefined one."""
        handle = self._c.GDALGetSpatialRef(self._handle) if self._is_referenced else None
        return _crs(self._c, handle)

    @property
    def subdatasets(self) -> list[str]:
        """The names of its subdatasets, which GDAL opens like paths."""
        metadata = ctypes.cast(self._c.GDALGetMetadata(self._handle, b"SUBDATASETS"), _STRINGS)
        items = (os.fsdecode(each).partition("=") for each in _strings(metadata))
        return [value for key, _, value in items if key.endswith("_NAME")]

    @property
    def is_located(self) -> bool:
        """Whether a raster is georeferenced by a CRS, ground control points, RPCs or geolocation arrays."""
        return bool(
            self._is_referenced or self._c.GDALGetGCPProjection(self._handle) or self._has_geolocation
        )

    @property
    def lacks_transform(self) -> bool:
        """Whether a raster has a CRS, but its pixels have no position in it."""
        has_positions = self.transform is not None or self._c.GDALGetGCPCount(self._handle)
        return self._is_referenced and not (has_positions or self._has_geolocation)

    @property
    def _has_geolocation(self) -> bool:
        """Whether RPCs or geolocation arrays tell where its pixels are."""
        return any(self._c.GDALGetMetadata(self._handle, domain) for domain in (b"RPC", b"GEOLOCATION"))

    @property
    def _is_referenced(self) -> bool:
        return _is_defined((self._c.GDALGetProjectionRef(self._handle) or b"").partition(b'"')[2])

    def bands(self) -> Iterator[Band]:
        """Yield all bands except alpha bands."""
        for number in range(1, self._c.GDALGetRasterCount(self._handle) + 1):
            band = ctypes.c_void_p(self._c.GDALGetRasterBand(self._handle, number))
            if self._c.GDALGetRasterColorInterpretation(band) != _ALPHA:
                yield Band(self._c, band)

    def mask(self) -> Band | None:
        """Return the mask of all bands, such as alpha, which is zero where there is no data, or None."""
        band = ctypes.c_void_p(self._c.GDALGetRasterBand(self._handle, 1))
        if not self._c.GDALGetMaskFlags(band) & _MASK_OF_ALL_BANDS:
            return None
        return Band(self._c, ctypes.c_void_p(self._c.GDALGetMaskBand(band)))

    def layers(self) -> Iterator[Layer]:
        """Yield the layers."""
        for number in range(self._c.GDALDatasetGetLayerCount(self._handle)):
            yield Layer(self._c, ctypes.c_void_p(self._c.GDALDatasetGetLayer(self._handle, number)))

    def pictures(self) -> Pictures:
        """Return an object that draws it."""
        from ogdc_worker.process.gdal_pictures import Pictures

        return Pictures(self._c, self._handle)


class Band:
    """A band of a raster, read by its storage blocks.

    Attributes:
        format: `struct` format of a value, or None if the type is not supported here.
        type_name: GDAL's name of the type, such as Float32.
        unit, description: From the file's metadata; empty if missing.
        nodata: The nodata value, or None if there is none.
        blocks: Number of blocks.
        block_bytes: Size of a block.
    """

    def __init__(self, c: Any, handle: ctypes.c_void_p) -> None:
        self._c = c
        self._handle = handle
        self.format = _FORMATS.get(c.GDALGetRasterDataType(handle))
        self.type_name = _text(c.GDALGetDataTypeName(c.GDALGetRasterDataType(handle)))
        self.unit = _text(c.GDALGetRasterUnitType(handle))
        self.description = _text(c.GDALGetDescription(handle))
        self.nodata = self._nodata()
        width, height = ctypes.c_int(), ctypes.c_int()
        c.GDALGetBlockSize(handle, ctypes.byref(width), ctypes.byref(height))
        self._across = -(-c.GDALGetRasterBandXSize(handle) // width.value)
        self.blocks = self._across * -(-c.GDALGetRasterBandYSize(handle) // height.value)
        size = c.GDALGetDataTypeSizeBytes(c.GDALGetRasterDataType(handle))
        self.block_bytes: int = width.value * height.value * size
        self._buffer: ctypes.Array[ctypes.c_char] | None = None

    def read(self, number: int) -> bytes | None:
        """Read one block, padded with zeros beyond the raster's edge; None if that fails."""
        self._buffer = self._buffer or ctypes.create_string_buffer(self.block_bytes)
        y, x = divmod(number, self._across)
        return None if self._c.GDALReadBlock(self._handle, x, y, self._buffer) else self._buffer.raw

    def _nodata(self) -> float | None:
        there = ctypes.c_int()
        value: float = self._c.GDALGetRasterNoDataValue(self._handle, ctypes.byref(there))
        return value if there.value else None


class Layer:
    """A layer of features."""

    def __init__(self, c: Any, handle: ctypes.c_void_p) -> None:
        self._c = c
        self._handle = handle
        self.name = _text(c.OGR_L_GetName(handle))
        self.is_spatial = c.OGR_L_GetGeomType(handle) != 100  # wkbNone
        self._crs = c.OGR_L_GetSpatialRef(handle)
        self.is_located = bool(self._crs) and _is_defined(
            c.OSRGetName(ctypes.c_void_p(self._crs)) or b"unnamed"
        )

    @property
    def geometry_type(self) -> str:
        """OGR's name of the type, such as Multi Polygon."""
        return _text(self._c.OGRGeometryTypeToName(self._c.OGR_L_GetGeomType(self._handle)))

    @property
    def crs(self) -> Crs | None:
        """The layer's CRS; None if it has none or an undefined one."""
        return _crs(self._c, self._crs) if self.is_located else None

    @property
    def geometry_column(self) -> str:
        """Name of the geometry column; empty if it has none, as in a shapefile."""
        return _text(self._c.OGR_L_GetGeometryColumn(self._handle))

    @property
    def column_count(self) -> int:
        """The number of attributes."""
        return int(self._c.OGR_FD_GetFieldCount(self._definition))

    def columns(self, limit: int) -> Iterator[tuple[str, str]]:
        """Yield names and types, such as Integer64, of the first attributes."""
        c, defined = self._c, self._definition
        for at in range(min(limit, self.column_count)):
            field = ctypes.c_void_p(c.OGR_FD_GetFieldDefn(defined, at))
            yield _text(c.OGR_Fld_GetNameRef(field)), _text(c.OGR_GetFieldTypeName(c.OGR_Fld_GetType(field)))

    @property
    def _definition(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._c.OGR_L_GetLayerDefn(self._handle))

    def count(self) -> int | None:
        """Return the number of features, or None if all would have to be read to count them."""
        number: int = self._c.OGR_L_GetFeatureCount(self._handle, 0)
        return number if number >= 0 else None

    def extent(self, *, may_read: bool) -> Extent | None:
        """Return the bounding box; None if there is none, or if only reading features would tell."""
        found = (ctypes.c_double * 4)()
        if self._c.OGR_L_GetExtent(self._handle, found, int(may_read)):
            return None
        from ogdc_worker.process.extent import Extent

        return Extent(found[0], found[2], found[1], found[3])

    def geometries(self, limit: int) -> Iterator[bool]:
        """Yield for each of the first features whether it has a geometry that is not empty."""
        self._c.OGR_L_ResetReading(self._handle)
        for _ in range(limit):
            address = self._c.OGR_L_GetNextFeature(self._handle)
            if not address:
                return
            feature = ctypes.c_void_p(address)
            geometry = ctypes.c_void_p(self._c.OGR_F_GetGeometryRef(feature))
            yield bool(geometry) and not self._c.OGR_G_IsEmpty(geometry)
            self._c.OGR_F_Destroy(feature)


def _crs(c: Any, handle: int | None) -> Crs | None:
    from ogdc_worker.process.gdal_crs import Crs

    return Crs(c, ctypes.c_void_p(handle)) if handle else None


_STRINGS = ctypes.POINTER(ctypes.c_char_p)


def _strings(values: Any) -> Iterator[bytes]:
    """Yield the strings of a C array that ends with a null pointer; none if the array itself is one."""
    at = 0
    while values and (value := values[at]):
        yield value
        at += 1


def _list(c: Any, address: int | None) -> list[bytes]:
    """Return the strings of an array, which is freed."""
    array = ctypes.c_void_p(address)
    values = list(_strings(ctypes.cast(array, _STRINGS)))
    c.CSLDestroy(array)
    return values


def _is_defined(name: bytes) -> bool:
    """Whether the name of a CRS is not one of the undefined CRSs."""
    return bool(name) and not name.startswith(_UNDEFINED_CRS)


def _text(value: bytes | None) -> str:
    with suppress(AttributeError):
        return value.decode(errors="replace") if value else ""
    return ""
