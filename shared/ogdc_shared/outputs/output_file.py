"""One file of a run's result, whatever its storage, and its media type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

PIECE_BYTES = 1 << 20
"""The most that is read at once."""
ANY = "application/octet-stream"
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "fgb": "application/flatgeobuf",
    "geojson": "application/geo+json",
    "glb": "model/gltf-binary",
    "gpkg": "application/geopackage+sqlite3",
    "gz": "application/gzip",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "log": "text/plain; charset=utf-8",
    "nc": "application/netcdf",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
    "png": "image/png",
    "pmtiles": "application/vnd.pmtiles",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "txt": "text/plain; charset=utf-8",
    "webp": "image/webp",
    "zip": "application/zip",
}
"""By file name extension. Types that a browser would execute (HTML, SVG, XML, scripts) are left out."""


class ListedFile(NamedTuple):
    """A file among a run's outputs."""

    path: str
    """Relative to the result, with slashes."""
    size: int
    """Bytes."""


class FilePage(NamedTuple):
    """A page of a run's files."""

    files: list[ListedFile]
    next: str | None
    """Where the next page begins, or None if this is the last."""
    thumbnails: frozenset[str] = frozenset()
    """Paths of pictures of any files of the result."""


class OutputFile(NamedTuple):
    """A file that can be read in parts."""

    path: str
    size: int
    """Bytes."""
    etag: str
    """Changes whenever the content may have changed; letters, digits and hyphens only."""
    read: Callable[[int, int], Iterator[bytes]]
    """Yields the bytes from the first offset up to the second (exclusive), in pieces."""
    close: Callable[[], object] = lambda: None
    """To be called when reading is finished."""
    is_seekable: bool = True
    """Whether reading a range costs only its own bytes, not all that precede it."""


def media_type(path: str) -> str:
    """Return the media type for a file's name, or that of arbitrary bytes if unknown."""
    return _TYPES.get(path.rpartition("/")[2].rpartition(".")[2].lower(), ANY)
