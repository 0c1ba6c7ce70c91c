"""The images that a release pushes."""

from __future__ import annotations

from functools import cache


@cache
def own_image(name: str) -> str:
    """Name an image of this very version."""
    from importlib.metadata import version

    return f"ghcr.io/qgreenland-net/{name}:{version('ogdc-runner').replace('+', '-')}"
