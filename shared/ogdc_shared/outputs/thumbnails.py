"""Thumbnails of outputs, which are stored with the STAC metadata of a result."""

from __future__ import annotations

from ogdc_shared.layout import STAC

THUMBNAILS = "thumbnails"
"""Below the catalogue's directory, and below the workspace of the task that makes them."""
MAX_THUMBNAIL_BYTES = 1 << 18
DIRECTORY = f"{STAC}/{THUMBNAILS}"
"""In a result."""
PNG = b"\x89PNG\r\n\x1a\n"


def thumbnail_name(output: str) -> str:
    """What the picture of an output is called, whatever that is called."""
    from hashlib import sha256

    return f"{sha256(output.encode(errors='surrogateescape')).hexdigest()[:24]}.png"


def thumbnail_path(output: str) -> str:
    """Where in a result its picture is, if it has one."""
    return f"{DIRECTORY}/{thumbnail_name(output)}"
