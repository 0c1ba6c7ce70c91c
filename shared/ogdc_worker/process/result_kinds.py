"""Kinds of result files by suffix. Every task imports this, so it imports almost nothing itself."""

from __future__ import annotations

from os.path import splitext

DRIVERS = {
    **dict.fromkeys((".tif", ".tiff", ".gtiff"), "GTiff"),
    **dict.fromkeys((".nc", ".nc4"), "netCDF"),
    **dict.fromkeys((".h5", ".hdf5", ".he5"), "HDF5"),
    **dict.fromkeys((".grb", ".grib", ".grb2", ".grib2"), "GRIB"),
    **{".vrt": "VRT", ".img": "HFA", ".jp2": "JP2OpenJPEG", ".asc": "AAIGrid", ".zarr": "Zarr"},
    **{".gpkg": "GPKG", ".shp": "ESRI Shapefile", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf"},
    **{".gdb": "OpenFileGDB", ".kml": "KML", ".gml": "GML", ".parquet": "Parquet", ".geoparquet": "Parquet"},
    **{".bil": "EHdr", ".bip": "EHdr", ".flt": "EHdr", ".bsq": "ENVI", ".tab": "MapInfo File"},
    **{".mif": "MapInfo File", ".geojsonl": "GeoJSONSeq", ".geojsons": "GeoJSONSeq", ".sqlite": "SQLite"},
    **{".kmz": "LIBKML", ".shz": "ESRI Shapefile", ".shp.zip": "ESRI Shapefile", ".mbtiles": "MBTiles"},
}
"""Suffix → GDAL driver. A file is only checked if GDAL has that driver."""
PICTURES = {
    **dict.fromkeys((".jpg", ".jpeg"), "JPEG"),
    **{".png": "PNG", ".webp": "WEBP", ".gif": "GIF", ".bmp": "BMP"},
}
"""The same for pictures; a result may contain very many of these."""
OTHERS = {
    **dict.fromkeys((".ntf", ".nitf"), "NITF"),
    **dict.fromkeys((".dt0", ".dt1", ".dt2"), "DTED"),
    **{".dat": "ENVI", ".sdat": "SAGA", ".pix": "PCIDSK", ".mrf": "MRF", ".bag": "BAG", ".hdf": "HDF4"},
    **{".gpx": "GPX", ".dxf": "DXF", ".xlsx": "XLSX", ".ods": "ODS"},
}
"""The same for formats without georeferencing, or with georeferencing that is not read here."""
UNLOCATED = frozenset((*PICTURES, *OTHERS, ".nc", ".nc4", ".h5", ".hdf5", ".he5", ".zarr", ".asc"))
"""Often without a CRS, because coordinates are ordinary variables or the format cannot store one."""
SIGNATURES = {
    ".asc": rb"\s*(n?(cols|rows)|[xy]ll|d[xy]\b|cellsize|north|south|east|west)",
    ".bag": rb"\x89HDF",
    ".pix": rb"PCIDSK",
    ".ntf": rb"NITF|NSIF",
}
"""Patterns of how files of these formats begin. Texts such as signatures and lists have the same suffixes."""
READERS = DRIVERS | PICTURES | OTHERS
ZIPS = (".zip", ".kmz", ".shz", ".shp.zip")
COMPRESSED = (".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz")
TARS = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
LOOKED_INTO = frozenset((*READERS, *ZIPS, *COMPRESSED, ".tar"))
READ_WHOLE = frozenset(
    (
        *(*COMPRESSED, ".geojson", ".kml", ".kmz", ".gml", ".geojsonl", ".geojsons"),
        *(".gpx", ".dxf", ".xlsx", ".ods"),
    )
)
"""GDAL has to read these completely."""
TABLES = (".csv", ".tsv")
COMPRESSED_TABLES = (".csv.gz", ".tsv.gz")
PARQUET = (".parquet", ".geoparquet")
DATABASES = (".gpkg", ".sqlite", ".mbtiles", ".db")
SHAPEFILE_PARTS = (".shx", ".dbf")
"""Files that show that a shapefile lacks its main file, of which GDAL could not be asked."""
ENDS = (".shp", ".shx", ".dbf", ".jpg", ".jpeg", ".geojsonl", ".geojsons", ".jsonl", ".ndjson", ".nc", ".nc4")
"""Formats in which GDAL does not notice that the end of a file is missing."""
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF or BigTIFF file begins, which may have no suffix."""
NEVER_EMPTY = LOOKED_INTO.union(
    TABLES,
    (".json", ".jsonl", ".ndjson", ".topojson", ".pdf", ".pmtiles", ".svg", ".html", ".zst", ".7z"),
    (".las", ".laz", ".npy", ".npz", ".pkl", ".feather", ".arrow", ".mat", ".rds", ".xls", ".docx"),
)
"""A file of these formats is never empty."""


def suffix_of(name: str) -> str:
    """Return the suffix that determines the kind of a file, in lower case."""
    name = name.lower()
    return ".shp.zip" if name.endswith(".shp.zip") else splitext(name)[1]


_TILE = r"((^|/)\d+/\d+/\d+|tiles?[_.-]?\d+([_.-])\d+\3\d+)(@\dx)?\.\w+$"
"""Zoom, column and row: as directories, or after the word tile. Numbers alone may be a date or a version."""


def is_tile(name: str) -> bool:
    """Whether a picture is a map tile, as `5/12/7@2x.png` or `tile_5_12_7.png`; some of those are empty."""
    import re  # results rarely have pictures

    return re.search(_TILE, name, re.IGNORECASE) is not None
