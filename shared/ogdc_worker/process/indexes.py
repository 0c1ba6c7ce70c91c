"""Files that say where others are: virtual rasters, tile indexes, catalogues, lists.

What they name may be gone for whoever opens them next, and GDAL then reads zeros where the data were and
ends with 0. Only what is there now and will not be there then counts as lost: a name that leads nowhere
already was nobody's to carry along.

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

_VIRTUAL = (".vrt",)
_CATALOGUES = (".gti", ".gti.gpkg", ".gti.fgb", ".gdalcat", ".gdalg.json")
"""What GDAL opens as a raster or as a set of layers: without what it names it holds no data."""
_TABLES = (".dbf", ".gpkg", ".geojson", ".fgb")
"""Tile indexes, where they have a field `location`; otherwise data of their own."""
_LISTS = (".txt", ".lst", ".list", ".csv")
_POINTERS = {".json": (b'"refs"', b'"href"'), ".qgs": (b"<datasource>",), ".qlr": (b"<datasource>",)}
"""Kerchunk's and STAC's references, and QGIS's layers, where the file has one of these words."""

_MAX_BYTES = 64 << 20
_MAX_TABLE_BYTES = 8 << 20
_BEGINNING = 4096
_SOURCE = (
    rb"<(SourceFilename|SourceDataset|SrcDataSource|IndexDataset)\b([^>]*)>([^<]+)</\1>"
    rb"|<MDI key=\"[XY]_DATASET\"()()>([^<]+)</MDI>"
)
"""This and the others wait until they are used, and so does `re`: most that is looked at are texts alone."""
_RELATIVE = rb"""relativeToVRT\s*=\s*["']?1"""
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))
_ARCHIVE = r"^(?:/vsi(?:zip|tar|gzip|sparse|cached)/)+\{?(.+?\.(?:zip|kmz|tar|tgz|tar\.gz|gz))(?=[/}]|$).*"
_SUBDATASET = r"[A-Za-z][A-Za-z0-9_]+:.*?(/[^\":]+)"


class Reference(NamedTuple):
    """What an index names."""

    path: str
    """As the command sees it."""
    later: str | None
    """The same for whoever opens the index next; None: that depends on where it is opened."""


class BrokenIndex(NamedTuple):
    """What an index names and will not find."""

    name: str
    """Relative to the output directory."""
    paths: tuple[str, ...]
    """What will be gone."""
    certain: bool
    """False: it may be no index."""

    def __str__(self) -> str:
        return f"{self.name!r}, which names {several(self.paths)}"


def find_lost(names: Sequence[str], paths: ProcessPaths, *, is_last: bool) -> Iterator[BrokenIndex]:
    """Look for indexes of what will be gone.

    Args:
        names: Of files in the output directory that may be indexes.
        paths: Where that and the inputs are.
        is_last: Whether the outputs are published next; else they become the next command's inputs.
    """
    view = _View(paths, is_last=is_last)
    for name in sorted(names):
        lost = dict.fromkeys(each.path for each in _references(name, view) if view.loses(each))
        if lost:
            yield BrokenIndex(name, tuple(lost), certain=name.lower().endswith(_VIRTUAL + _CATALOGUES))


class _View:
    """What is where now, and what will be where then."""

    def __init__(self, paths: ProcessPaths, *, is_last: bool) -> None:
        self.paths = paths
        self._is_last = is_last
        self._then = paths.output_dir if is_last else paths.input_dir

    def loses(self, reference: Reference) -> bool:
        return os.path.exists(reference.path) and not self._will_be_there(reference.later)

    def relative(self, index: str, path: str) -> Reference:
        """What a path means that is relative to the index."""
        here, there = (
            os.path.normpath(f"{directory}/{os.path.dirname(index)}/{path}")
            for directory in (self.paths.output_dir, self._then)
        )
        return Reference(here, there)

    def absolute(self, path: str) -> Reference:
        path = os.path.normpath(path)
        inside = below(path, self.paths.output_dir)
        # The output directory of now is the published data then, under no path that could be known.
        return Reference(path, None if self._is_last and inside is not None else path)

    def wandering(self, index: str, path: str) -> list[Reference]:
        """What a path may mean that is relative to wherever a program is started: so it is written."""
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


def _references(name: str, view: _View) -> Iterator[Reference]:
    lower = name.lower()
    path = f"{view.paths.outputs}/{name}"
    if lower.endswith((".vrt", ".gti")):
        yield from _of_xml(_content(path, _MAX_BYTES), name, view)
    elif lower.endswith(_LISTS):
        if _begins_with_path(path, view.paths):  # most texts and tables do not, and need no reading
            yield from _of_list(_content(path, _MAX_TABLE_BYTES), view)
    else:
        content = _content(path, _MAX_TABLE_BYTES)
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
    beginning = _read(path, _BEGINNING).lstrip()
    return beginning.startswith(
        tuple(os.fsencode(f"{each}/") for each in (paths.input_dir, paths.output_dir))
    )


def _of_list(content: bytes, view: _View) -> Iterator[Reference]:
    """Take a text for a list only where each line of it is the path of something that is there."""
    lines = [line.strip() for line in content.decode(errors="replace").splitlines() if line.strip()]
    directories = (f"{view.paths.input_dir}/", f"{view.paths.output_dir}/")
    if lines and all(line.startswith(directories) and os.path.exists(line) for line in lines):
        yield from map(view.absolute, lines)


def _absolute_paths(content: bytes, paths: ProcessPaths) -> Iterator[str]:
    """Find what looks like a path of a command's directories, in a file of any form."""
    import re

    either = b"|".join(re.escape(os.fsencode(path)) for path in (paths.input_dir, paths.output_dir))
    for match in re.finditer(rb"(?:%b)/[^\x00-\x1f\"'<>|]+" % either, content.replace(b"\\/", b"/")):
        text = match[0].decode(errors="replace").rstrip()
        yield text if os.path.exists(text) else text.split(" ")[0]


def _local(source: str) -> str | None:
    """The file that a source is in; None where it is on a server, in memory, or not to be found."""
    import re

    if match := re.match(_ARCHIVE, source):
        return match[1]
    if source.startswith("/vsi") or "://" in source:
        return None
    if ":" in source:
        found = re.match(_SUBDATASET, source)
        return found[1] if found else None
    return source


def _text(content: bytes) -> str:
    text = content.decode(errors="surrogateescape").strip()
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text


def _content(path: str, limit: int) -> bytes:
    """What a file holds; nothing where it is larger, or cannot be read."""
    content = _read(path, limit + 1)
    return content if len(content) <= limit else b""


def _read(path: str, most: int) -> bytes:
    """The beginning of a file; nothing where it cannot be read, or is a pipe, which would be waited for."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            return file.read(most) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""
    except OSError:
        return b""


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
