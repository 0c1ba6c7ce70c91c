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
"""By the end of the name. What a browser would run (HTML, SVG, XML, scripts) is not among them on purpose."""


class ListedFile(NamedTuple):
    """A file among a run's outputs."""

    path: str
    """Below the result, with slashes."""
    size: int
    """Bytes."""


class FilePage(NamedTuple):
    """Some of a run's files."""

    files: list[ListedFile]
    next: str | None
    """Where the next page begins; None: there is none."""
    thumbnails: frozenset[str] = frozenset()
    """Paths of pictures of any files of the result."""


class OutputFile(NamedTuple):
    """A file that can be read in parts."""

    path: str
    size: int
    """Bytes."""
    etag: str
    """Another one whenever the bytes may be others; in letters, digits and hyphens."""
    read: Callable[[int, int], Iterator[bytes]]
    """Yields the bytes from the first offset to before the second, some at a time."""
    close: Callable[[], object] = lambda: None
    """To be called once nothing is read any more."""
    is_seekable: bool = True
    """Whether a part of it costs about what it holds, not what lies before it."""


def media_type(path: str) -> str:
    """What a file holds, by its name; what is not known is just bytes."""
    return _TYPES.get(path.rpartition("/")[2].rpartition(".")[2].lower(), ANY)
