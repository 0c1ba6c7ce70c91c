"""Identifying the installed files, because the version does not distinguish checkouts or their states."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib.util import find_spec

_PACKAGES = ("ogdc_cli", "ogdc_functions", "ogdc_local", "ogdc_shared", "ogdc_worker")


def installation() -> str:
    """Return a digest of path, size and modification time of the installed files.

    Their content is not read, because that would take longer than the rest of a command's start.
    """
    state = sha256(sys.prefix.encode(errors="surrogateescape"))
    for package in _PACKAGES:
        spec = find_spec(package)
        for directory in (spec and spec.submodule_search_locations) or ():
            for line in sorted(_files(directory)):
                state.update(line.encode(errors="surrogateescape"))
    return state.hexdigest()


def _files(directory: str) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name == "__pycache__":
                continue
            if entry.is_dir():
                yield from _files(entry.path)
            else:
                found = entry.stat()
                yield f"{entry.path}\0{found.st_size}\0{found.st_mtime_ns}\n"
