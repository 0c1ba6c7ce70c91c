"""This version, and the container images of its release."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

_VERSION = "Version: "


@cache
def own_version() -> str:
    """Return the version of the installed distribution.

    Importing `importlib.metadata` and letting it parse the metadata would take half as long as starting
    Python.

    Source: packaging.python.org, "Recording installed projects" and "Core metadata specifications".
    """
    for directory in map(Path, sys.path):
        with suppress(OSError):  # it does not exist, or is an archive
            for found in directory.glob("ogdc_runner-*.dist-info/METADATA"):
                lines = found.read_text(encoding="utf-8").splitlines()
                return next(line for line in lines if line.startswith(_VERSION)).removeprefix(_VERSION)
    from importlib.metadata import version

    return version("ogdc-runner")


@cache
def own_image(name: str) -> str:
    """Return the name of an image of this version."""
    return f"ghcr.io/qgreenland-net/{name}:{own_version().replace('+', '-')}"
