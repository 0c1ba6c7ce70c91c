"""This version, and the images that a release of it pushes."""

from __future__ import annotations

from functools import cache


@cache
def own_version() -> str:
    """Return the version of the distribution that is installed, whose metadata take long to read."""
    from importlib.metadata import version

    return version("ogdc-runner")


@cache
def own_image(name: str) -> str:
    """Name an image of this very version."""
    return f"ghcr.io/qgreenland-net/{name}:{own_version().replace('+', '-')}"
