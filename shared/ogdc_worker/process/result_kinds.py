"""What a result is, told by the end of its name. Every task asks, so it imports next to nothing."""

from __future__ import annotations

from os.path import splitext

DRIVERS = {
    **dict.fromkeys((".tif", ".tiff", ".gtiff"), "GTiff"),
    **dict.fromkeys((".nc", ".nc4"), "netCDF"),
    **dict.fromkeys((".h5", ".hdf5", ".he5"), "HDF5"),
    **dict.fromkeys((".grb", ".grib", ".grb2", ".grib2"), "GRIB"),
    **{".vrt": "VRT", ".img": "HFA", ".jp2": "JP2OpenJPEG", ".asc": "AAIGrid", ".zarr": "Zarr"},
    **{".gpkg": "GPKG", ".shp": "ESRI Shapefile", ".geojson": "GeoJSON", ".fgb": "FlatGeobuf"},
    **{".gdb": "OpenFileGDB", ".kml": "KML", ".gml": "GML", ".parquet": "Parquet"},
    **{".bil": "EHdr", ".bip": "EHdr", ".flt": "EHdr", ".bsq": "ENVI", ".tab": "MapInfo File"},
    **{".mif": "MapInfo File", ".geojsonl": "GeoJSONSeq", ".geojsons": "GeoJSONSeq", ".sqlite": "SQLite"},
    **{".kmz": "LIBKML", ".shz": "ESRI Shapefile", ".shp.zip": "ESRI Shapefile", ".mbtiles": "MBTiles"},
}
"""Of a file's name the end → the driver that reads it; without that the file is left alone."""
ZIPS = (".zip", ".kmz", ".shz", ".shp.zip")
COMPRESSED = (".gz", ".tgz")
LOOKED_INTO = frozenset((*DRIVERS, *ZIPS, *COMPRESSED))
READ_WHOLE = frozenset((*COMPRESSED, ".geojson", ".kml", ".kmz", ".gml", ".geojsonl", ".geojsons"))
"""Read from end to end before anything is known of them."""
TABLES = (".csv", ".tsv")
NEVER_EMPTY = LOOKED_INTO.union(
    TABLES, (".png", ".jpg", ".jpeg", ".webp", ".json", ".tar", ".pdf", ".pmtiles", ".xlsx")
)
"""None of these is without a byte."""


def suffix_of(name: str) -> str:
    """The end of a file's name that says what it is, in small letters."""
    name = name.lower()
    return ".shp.zip" if name.endswith(".shp.zip") else splitext(name)[1]
