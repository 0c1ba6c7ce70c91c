"""Prepares a command's outputs for the next command or `publish`."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.walking import walk
from ogdc_worker.merging import alike_names

if TYPE_CHECKING:
    from ogdc_worker.process.indexes import BrokenIndex
    from ogdc_worker.process.paths import ProcessPaths

_INDEXES = (
    *(".vrt", ".ovf", ".xml", ".gti", ".gti.gpkg", ".gti.fgb", ".gdalcat", ".gdalg.json"),
    *(".dbf", ".gpkg", ".geojson", ".fgb", ".txt", ".lst", ".list", ".csv", ".json", ".qgs", ".qgz", ".qlr"),
)
"""Suffixes of files that may refer to others, as may those without one (see `indexes`)."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class OutputDefects(NamedTuple):
    """Problems of a command's outputs."""

    is_empty: bool = False
    """Whether there are no files."""
    dangling: tuple[str, ...] = ()
    """Links without a target."""
    lost: tuple[BrokenIndex, ...] = ()
    """Indexes with references that will be broken."""
    unlisted: tuple[str, ...] = ()
    """Published files whose names are not UTF-8."""
    alike: tuple[tuple[str, str], ...] = ()
    """Published files whose names are the same on other systems."""
    control: tuple[str, ...] = ()
    """Published files whose names have control characters."""


def prepare_outputs(paths: ProcessPaths, *, is_last: bool) -> OutputDefects:
    """Fix links, make outputs readable by their owner, and find references that will be broken.

    Args:
        paths: The task's paths.
        is_last: Whether the outputs are published next; otherwise they become the next command's inputs.
    """
    links, indexes, published, is_empty = [], [], list[str](), True
    for name, entry in walk(paths.outputs, opening=True):
        is_directory = entry.is_dir(follow_symlinks=False)
        is_empty = is_empty and is_directory
        if is_last and not is_directory:
            published.append(name)
        if entry.is_symlink():
            links.append(name)
        elif not is_directory:
            if not os.access(entry.path, os.R_OK):
                os.chmod(entry.path, stat.S_IMODE(os.lstat(entry.path).st_mode) | stat.S_IRUSR)
            if _may_refer_to_others(name):
                indexes.append(name)
    dangling: list[str] = []
    if links:
        from ogdc_worker.process.links import resolve_links

        dangling = resolve_links(links, paths)
        indexes += filter(_may_refer_to_others, links)
    lost: list[BrokenIndex] = []
    if indexes:
        from ogdc_worker.process.indexes import find_lost

        lost = list(find_lost(indexes, paths, is_last=is_last))
    unlisted = tuple(name for name in published if not name.isascii() and not _is_utf8(name))
    control = tuple(filter(_CONTROL.search, published))
    return OutputDefects(
        is_empty, tuple(dangling), tuple(lost), unlisted, tuple(alike_names(published)), control
    )


def _may_refer_to_others(name: str) -> bool:
    return name.lower().endswith(_INDEXES) or "." not in os.path.basename(name)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
