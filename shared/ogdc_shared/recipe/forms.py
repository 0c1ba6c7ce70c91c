"""The file name of a recipe's description, and the archive formats of bundles."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

META_FILE = "meta.yml"
ARCHIVES = (".tar.gz", ".tgz", ".zip")
"""How the names of archives end."""


def is_archive(path: str) -> bool:
    """Whether a path, or the path of a URL, is that of an archive of a recipe."""
    return path.lower().endswith(ARCHIVES)


def recipe_roots(paths: Iterable[str]) -> list[PurePosixPath]:
    """Where recipes are among files: at the root, else one directory down, as archives often have it."""
    found = {PurePosixPath(path) for path in paths}
    if PurePosixPath(META_FILE) in found:
        return [PurePosixPath()]
    return sorted(path.parent for path in found if path.name == META_FILE and len(path.parts) == 2)


def names_in(directory: Path) -> list[str]:
    """What `recipe_roots` needs to know of a directory: what it holds, and every `meta.yml` one down."""
    names = os.listdir(directory)  # noqa: PTH208  a Path of each takes ten times as long
    nested = (f"{name}/{META_FILE}" for name in names)
    return sorted([*names, *(path for path in nested if os.path.exists(f"{directory}/{path}"))])  # noqa: PTH110
