"""Thumbnails of outputs, made by the unprivileged child that checks them and may be killed at any time."""

from __future__ import annotations

import os
import struct
import time
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.outputs.thumbnails import PNG, thumbnail_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ogdc_worker.process.gdal import Gdal
    from ogdc_worker.process.gdal_pictures import Pixels

SECONDS = 5.0
"""Time limit for all thumbnails of a task."""
MAX_THUMBNAILS = 20
"""Maximum number for one task."""


def make_thumbnails(
    gdal: Gdal, directory: str, outputs: Iterable[tuple[str, dict[str, Any]]], into: str, *, deadline: float
) -> None:
    """Draw as many outputs as time allows; outputs that cannot be drawn are skipped.

    Args:
        gdal: The GDAL library.
        directory: The directory of the outputs.
        outputs: Relative names and descriptions (see `places.describe`).
        into: Directory for the pictures, each named by `thumbnail_name`.
        deadline: When to stop, in monotonic seconds.
    """
    deadline = min(deadline, time.monotonic() + SECONDS)
    os.makedirs(into, exist_ok=True)
    for name, place in outputs:
        if time.monotonic() > deadline:
            break
        with suppress(OSError, ValueError, ZeroDivisionError, OverflowError):
            pixels = _draw(gdal, f"{directory}/{name}", place)
            if pixels is not None:
                _write(f"{into}/{thumbnail_name(name.rstrip('/'))}", png(pixels))


def _draw(gdal: Gdal, path: str, place: dict[str, Any]) -> Pixels | None:
    from ogdc_worker.process.extent import Extent

    dataset = gdal.open(path)
    if dataset is None:
        return None
    try:
        if "layers" not in place:
            return dataset.pictures().raster()
        return dataset.pictures().layers(Extent(*place["extent"])) if "extent" in place else None
    finally:
        dataset.close()


def png(pixels: Pixels) -> bytes:
    """Encode a picture as PNG.

    Source: PNG (third edition), 5 (chunks), 11.2 (IHDR, PLTE, IDAT), 11.3.1.1 (tRNS).
    """
    width, height, values, palette, hidden = pixels
    row = len(values) // height
    rows = b"".join(b"\0" + values[at : at + row] for at in range(0, len(values), row))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3 if palette else 2, 0, 0, 0))]
    if palette:
        chunks.append((b"PLTE", palette))
    if hidden is not None:
        chunks.append((b"tRNS", b"\xff" * hidden + b"\0"))
    chunks += [(b"IDAT", zlib.compress(rows, 6)), (b"IEND", b"")]
    return PNG + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _write(path: str, content: bytes) -> None:
    """Write a file atomically, since this process may be killed at any time."""
    with open(f"{path}.part", "wb") as file:
        file.write(content)
    os.rename(f"{path}.part", path)
