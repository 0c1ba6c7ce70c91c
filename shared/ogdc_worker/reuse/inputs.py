"""Keys of a partition's inputs: their content where it was read, otherwise metadata that change with it.

- A fetched file: its path below `/input_dir` and its SHA-256.
- A file of the recipe: the same.
- A file on a volume, which is read in place: its path, size and times of change. Two writes at the same
  moment have the same times, so a file that was changed just now has no key yet.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING

from ogdc_shared.layout import claim_mount
from ogdc_worker.expected import file_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ogdc_shared.plan import InputFile

_FINE, _COARSE = 100_000_000, 2_000_000_000
"""Nanoseconds for which a file must be unchanged: with fine timestamps, and with coarse ones."""
_INDEXES = (".vrt", ".gti", ".qgs", ".qgz", ".map")
"""Files that refer to others, which are not in the key."""
_LISTS = (".txt", ".csv", ".lst", ".json", ".xml")
"""Files that may refer to others."""
_LOOKED_AT, _PIECE = 1 << 20, 1 << 16


def of_fetched(place: str, checksum: str) -> list[str]:
    """Return the key of a fetched file.

    Args:
        place: Path below `/input_dir`.
        checksum: `sha256:` and the digest.
    """
    return ["content", place, checksum]


def of_recipe(file: InputFile, recipe: str) -> list[str]:
    """Return the key of a file of the recipe; `recipe` is its directory."""
    from ogdc_shared.filenames import last_component, placed

    place = placed(file, last_component(file.source))
    return of_fetched(place, f"sha256:{file_digest(f'{recipe}/{file.source}')}")


def of_volume(path: str, *, now: int | None = None) -> list[str | int] | None:
    """Return the key of a file on a volume, or None if it has none.

    Args:
        path: Path of the file.
        now: Nanoseconds since 1970; None means now.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    quiet = _FINE if status.st_ctime_ns % 1_000_000 else _COARSE
    is_fresh = (time.time_ns() if now is None else now) - changed < quiet
    if not stat.S_ISREG(status.st_mode) or is_fresh or _leads_elsewhere(path):
        return None
    return ["volume", path, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _leads_elsewhere(path: str) -> bool:
    name = path.lower()
    if not name.endswith(_LISTS):
        return name.endswith(_INDEXES)
    left, pieces = _LOOKED_AT, []
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while left > 0 and (piece := os.read(descriptor, min(left, _PIECE))):
            pieces.append(piece)
            left -= len(piece)
    finally:
        os.close(descriptor)
    return claim_mount("").encode() in b"".join(pieces)


def of_all(
    files: tuple[InputFile, ...], *, recipe: str, fetched: Mapping[str, tuple[str, str]]
) -> list[list[str | int]] | None:
    """Return the keys of a partition's inputs, or None if one has none.

    Args:
        files: The inputs.
        recipe: The recipe's directory.
        fetched: Source of each fetched file → its path and checksum.
    """
    urls = [file.source for file in files if file.kind == "url"]
    if len(set(urls)) < len(urls):
        return None  # `fetched` has one path per source
    found: list[list[str | int]] = []
    for file in files:
        one: list[str | int] | None = None
        if file.kind == "volume":
            one = of_volume(file.source)
        elif file.kind == "recipe":
            one = [*of_recipe(file, recipe)]
        elif file.source in fetched:
            one = [*of_fetched(*fetched[file.source])]
        if one is None:
            return None
        found.append(one)
    return found
