"""This version, and the container images of its release."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

_VERSION = "Version: "


@cache
def own_version() -> str:
    """Return the version of the distribution that is installed.

    To import `importlib.metadata`, and have it parse all that is known of it, takes half as long as to start
    an interpreter.

    Source: packaging.python.org, "Recording installed projects" and "Core metadata specifications".
    """
    for directory in map(Path, sys.path):
        with suppress(OSError):  # it is not there, or an archive
            for found in directory.glob("ogdc_runner-*.dist-info/METADATA"):
                lines = found.read_text(encoding="utf-8").splitlines()
                return next(line for line in lines if line.startswith(_VERSION)).removeprefix(_VERSION)
    from importlib.metadata import version

    return version("ogdc-runner")


@cache
def own_image(name: str) -> str:
    """Name an image of this very version."""
    return f"ghcr.io/qgreenland-net/{name}:{own_version().replace('+', '-')}"
