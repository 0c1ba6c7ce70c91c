"""Files that refer to other files: virtual rasters, tile indexes, catalogues, lists.

The files they refer to may be gone when they are opened next. GDAL then returns zeros instead of data and
exits with 0. Only a file that exists now and will not exist then counts as lost; dangling references are
ignored.

Source: the pages "VRT", "GTI" and "OGR VRT" of GDAL's documentation (relativeToVRT), frmts/vrt.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.layout import claim_mount
from ogdc_shared.several import several
from ogdc_worker.process.links import below

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ogdc_worker.process.paths import ProcessPaths

_VIRTUAL = (".vrt", ".ovf")
_ROOTS = (b"<VRTDataset", b"<OGRVRTDataSource", b"<GDALTileIndexDataset")
"""How files begin that GDAL opens as virtual ones whatever their names are."""
_CATALOGUES = (".gti", ".gti.gpkg", ".gti.fgb", ".gdalcat", ".gdalg.json")
"""GDAL opens these as a raster or set of layers, and they contain no data of their own."""
_TABLES = (".dbf", ".gpkg", ".geojson", ".fgb")
"""Tile indexes if they have a field `location`, otherwise ordinary data."""
_LISTS = (".txt", ".lst", ".list", ".csv")
_POINTERS = {
    ".json": (b'"refs"', b'"href"'),
    **dict.fromkeys((".qgs", ".qgz", ".qlr"), (b"<datasource>",)),
}
"""References of Kerchunk, STAC and QGIS; the file is an index if it contains one of these words."""

_MAX_BYTES = 64 << 20
_MAX_TABLE_BYTES = 8 << 20
_BEGINNING = 4096
_SOURCE = (
    rb"<(SourceFilename|SourceDataset|SrcDataSource|IndexDataset)\b([^>]*)>([^<]+)</\1>"
    rb"|<MDI key=\"[XY]_DATASET\"()()>([^<]+)</MDI>"
)
"""This and the other patterns are compiled on use, and `re` is imported then: most files are not indexes."""
_RELATIVE = rb"""relativeToVRT\s*=\s*["']?1"""
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))
_PLAIN = r"(?:vrt://|/vsisubfile/[0-9_]+,)(/?[^?]+)"
"""What stands for a file itself."""
_ARCHIVE = r"^(?:/vsi(?:zip|tar|gzip|sparse|cached)/)+\{?(.+?\.(?:zip|kmz|tar|tgz|tar\.gz|gz))(?=[/}]|$).*"
_SUBDATASET = r"[A-Za-z][A-Za-z0-9_]+:(?:.*?(/[^\":]+)|(?:\d+:)?\"?([^\":]+))"
"""With an absolute path or a relative one."""
_MAX_TAIL = 8
"""Binary formats may store as many bytes after a text that look like characters of its path."""


class Reference(NamedTuple):
    """A reference from an index to a file."""

    path: str
    """The path, as the command sees it."""
    later: str | None
    """The path for the next reader of the index; None if it depends on where the index will be opened."""


class BrokenIndex(NamedTuple):
    """An index with references that will be broken."""

    name: str
    """Relative to the output directory."""
    paths: tuple[str, ...]
    """The files that will be gone."""
    certain: bool
    """False if the file may not be an index."""

    def __str__(self) -> str:
        return f"{self.name!r}, which names {several(self.paths)}"


def find_lost(names: Sequence[str], paths: ProcessPaths, *, is_last: bool) -> Iterator[BrokenIndex]:
    """Yield indexes with references that will be broken.

    Args:
        names: Files in the output directory that may be indexes.
        paths: The task's paths.
        is_last: Whether the outputs are published next; otherwise they become the next command's inputs.
    """
    view = _View(paths, is_last=is_last)
    for name in sorted(names):
        is_virtual = _is_virtual(name, view)
        found = _references(name, view, is_virtual=is_virtual)
        lost = dict.fromkeys(each.path for each in found if view.loses(each))
        if lost:
            certain = is_virtual or name.lower().endswith(_CATALOGUES)
            yield BrokenIndex(name, tuple(lost), certain=certain)


class _View:
    """Resolves paths now and for the next reader."""

    def __init__(self, paths: ProcessPaths, *, is_last: bool) -> None:
        self.paths = paths
        self._is_last = is_last
        self._then = paths.output_dir if is_last else paths.input_dir

    def loses(self, reference: Reference) -> bool:
        return os.path.exists(reference.path) and not self._will_be_there(reference.later)

    def relative(self, index: str, path: str) -> Reference:
        """Return the reference for a path relative to the index."""
        here, there = (
            os.path.normpath(f"{directory}/{os.path.dirname(index)}/{path}")
            for directory in (self.paths.output_dir, self._then)
        )
        return Reference(here, there)

    def absolute(self, path: str) -> Reference:
        path = os.path.normpath(path)
        inside = below(path, self.paths.output_dir)
        # Published data are reachable under paths that are not known here.
        return Reference(path, None if self._is_last and inside is not None else path)

    def wandering(self, index: str, path: str) -> list[Reference]:
        """Return the reference for a path relative to the working directory of the program that wrote it."""
        beside = self.relative(index, path)
        if os.path.exists(f"{self.paths.outputs}/{os.path.dirname(index)}/{path}"):
            return [beside]
        return [Reference(os.path.normpath(f"{self.paths.input_dir}/{path}"), beside.later)]

    def _will_be_there(self, path: str | None) -> bool:
        if path is None:
            return False
        inside = below(path, self._then)
        if inside is not None:
            return os.path.exists(f"{self.paths.outputs}/{inside}")
        if self._is_last:
            return path.startswith(claim_mount(""))  # a volume of the cluster, which others can mount too
        return below(path, self.paths.output_dir) is None and os.path.exists(path)


def _is_virtual(name: str, view: _View) -> bool:
    lower = name.lower()
    if lower.endswith(_VIRTUAL):
        return True
    may_be = lower.endswith((".xml", ".gti")) or "." not in os.path.basename(name)
    return may_be and _read(f"{view.paths.outputs}/{name}", _BEGINNING).lstrip().startswith(_ROOTS)


def _references(name: str, view: _View, *, is_virtual: bool) -> Iterator[Reference]:
    lower = name.lower()
    path = f"{view.paths.outputs}/{name}"
    if is_virtual or lower.endswith(".gti"):
        yield from _of_xml(_content(path, _MAX_BYTES), name, view)
    elif lower.endswith(".xml"):
        return
    elif lower.endswith(_LISTS) or "." not in os.path.basename(name):
        if _begins_with_path(path, view.paths):  # most text files and tables do not, and are not read in full
            yield from _of_list(_content(path, _MAX_TABLE_BYTES), view)
    else:
        content = _project(path) if lower.endswith(".qgz") else _content(path, _MAX_TABLE_BYTES)
        words = _POINTERS.get(os.path.splitext(lower)[1], (b"location",))
        if lower.endswith(_CATALOGUES) or any(word in content.lower() for word in words):
            yield from map(view.absolute, _absolute_paths(content, view.paths))


def _of_xml(content: bytes, name: str, view: _View) -> Iterator[Reference]:
    import re

    for match in re.finditer(_SOURCE, content):
        path = _local(_text(match[3] or match[6] or b""))
        if path is None:
            continue
        if os.path.isabs(path):
            yield view.absolute(path)
        elif re.search(_RELATIVE, match[2] or b"", re.IGNORECASE):
            yield view.relative(name, path)
        else:
            yield from view.wandering(name, path)


def _begins_with_path(path: str, paths: ProcessPaths) -> bool:
    """Whether one of the first two lines has a path; the first may be a heading."""
    lines = _read(path, _BEGINNING).split(b"\n", 2)[:2]
    directories = [os.fsencode(f"{each}/") for each in (paths.input_dir, paths.output_dir)]
    return any(each in line for line in lines for each in directories)


def _of_list(content: bytes, view: _View) -> Iterator[Reference]:
    """Yield the lines of a text if every line, but for a heading, is the path of an existing file."""
    lines = [line.strip(" \t\"'") for line in content.decode(errors="replace").splitlines() if line.strip()]
    directories = (f"{view.paths.input_dir}/", f"{view.paths.output_dir}/")
    if lines and not lines[0].startswith(directories):
        del lines[0]
    if lines and all(line.startswith(directories) and os.path.exists(line) for line in lines):
        yield from map(view.absolute, lines)


def _absolute_paths(content: bytes, paths: ProcessPaths) -> Iterator[str]:
    """Yield everything in a file of any format that looks like a path in the input or output directory."""
    import re

    either = b"|".join(re.escape(os.fsencode(path)) for path in (paths.input_dir, paths.output_dir))
    for match in re.finditer(rb"(?:%b)/[^\x00-\x1f\"'<>|]+" % either, content.replace(b"\\/", b"/")):
        for padded in re.split(rb"(?<= )(?=(?:%b)/)" % either, match[0]):  # the fields of a .dbf
            yield _existing(padded.decode(errors="replace").rstrip())


def _existing(text: str) -> str:
    """Return the path of a file that exists, if a text begins with one."""
    import re

    if os.path.exists(text):
        return text
    if layer := re.match(r"(.+),\d+(?: |$)", text):  # of ogrtindex
        return layer[1]
    plain = text.split(" ", maxsplit=1)[0]
    shorter = (plain[: len(plain) - tail] for tail in range(_MAX_TAIL + 1))
    return next((path for path in shorter if os.path.isfile(path)), plain)


def _local(source: str) -> str | None:
    """Return the local file that a GDAL source is in; None if it is remote, in memory or unknown."""
    import re

    if match := re.match(_PLAIN, source) or re.match(_ARCHIVE, source):
        return match[1]
    if source.startswith("/vsi") or "://" in source:
        return None
    if ":" in source:
        found = re.match(_SUBDATASET, source)
        return (found[1] or found[2]) if found else None
    return source


def _text(content: bytes) -> str:
    text = content.decode(errors="surrogateescape").strip()
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text


def _project(path: str) -> bytes:
    """Return the project in a .qgz of QGIS; empty if it cannot be read."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = [each for each in archive.infolist() if each.filename.lower().endswith(".qgs")]
            return archive.read(names[0]) if names and names[0].file_size <= _MAX_TABLE_BYTES else b""
    except (OSError, zipfile.BadZipFile):
        return b""


def _content(path: str, limit: int) -> bytes:
    """Return the content of a file; empty if it is larger than `limit` or cannot be read."""
    content = _read(path, limit + 1)
    return content if len(content) <= limit else b""


def _read(path: str, most: int) -> bytes:
    """Return the beginning of a regular file; empty if it cannot be read or is not a regular file."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            return file.read(most) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except OSError:
        return b""


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
