"""DataONE's format ids, by the suffix of a file's name.

Source: DataONE's list of object formats (`/formats` of the coordinating node).
"""

from __future__ import annotations

EML = "https://eml.ecoinformatics.org/eml-2.2.0"
RESOURCE_MAP = "http://www.openarchives.org/ore/terms"
UNKNOWN = "application/octet-stream"

_FORMATS = {
    "csv": "text/csv",
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
    "gz": "application/gzip",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "jsonld": "application/json-ld",
    "md": "text/plain",
    "nc": "netCDF-4",
    "pdf": "application/pdf",
    "png": "image/png",
    "sh": "application/x-sh",
    "tif": "image/geotiff",
    "tiff": "image/geotiff",
    "txt": "text/plain",
    "xml": "text/xml",
    "yaml": "text/plain",
    "yml": "text/plain",
    "zip": "application/zip",
}


def format_id(path: str) -> str:
    """Return the format id of a file by its name."""
    _, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return _FORMATS.get(suffix.lower(), UNKNOWN) if dot else UNKNOWN
