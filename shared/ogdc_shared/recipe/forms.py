"""The file name of a recipe's description, and the archive formats and maximum size of bundles."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

META_FILE = "meta.yml"
ARCHIVES = (".tar.gz", ".tgz", ".zip")
"""Suffixes of archives."""
MAX_BUNDLE = 64 << 20
"""Maximum size of a bundle, in bytes."""


def is_archive(path: str) -> bool:
    """Whether a path, or the path of a URL, is an archive."""
    return path.lower().endswith(ARCHIVES)


def recipe_roots(paths: Iterable[str]) -> list[PurePosixPath]:
    """Return the directories of recipes among paths: the root, else one level down, as in many archives."""
    found = {PurePosixPath(path) for path in paths}
    if PurePosixPath(META_FILE) in found:
        return [PurePosixPath()]
    return sorted(path.parent for path in found if path.name == META_FILE and len(path.parts) == 2)


def names_in(directory: Path) -> list[str]:
    """Return the paths that `recipe_roots` needs: a directory's entries, and `meta.yml` one level down."""
    names = os.listdir(directory)
    if META_FILE in names:
        return sorted(names)
    nested = (f"{name}/{META_FILE}" for name in names)
    return sorted([*names, *(path for path in nested if os.path.exists(f"{directory}/{path}"))])
