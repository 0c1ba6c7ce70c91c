"""A band as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_COLORS = 256
"""As many as a PNG with a palette may have."""


class Picture(NamedTuple):
    """Indices (rows, columns) into colours (k, 4): red, green, blue and alpha."""

    indices: NDArray[np.intp]
    colors: NDArray[np.uint8]

    @property
    def rgba(self) -> NDArray[np.uint8]:
        """The colour of each cell (rows, columns, 4)."""
        return self.colors[self.indices]


def paint(
    band: NDArray[np.float64], colors: NDArray[np.uint8], nodata: float | None, low: float, high: float
) -> Picture:
    """Return a band (rows, columns) rendered in colours.

    Args:
        band: The values.
        colors: The palette followed by the colour for no data; see `palette.colors_of`.
        nodata: The value that stands for no data, or None if there is none.
        low: The value of the palette's first colour; lower values get it, too.
        high: The value of the palette's last colour; higher values get it, too.
    """
    step = 255 / (high - low) if high > low else 0.0
    indices = ((np.clip(band, low, high) - low) * step).astype(np.intp)
    if nodata is not None:
        indices[band == nodata] = len(colors) - 1
    return Picture(indices, colors)


def write_png(path: Path, picture: Picture) -> None:
    """Write a picture: by a palette, which is a fourth of the bytes, where PNG's 256 colours are enough."""
    path.parent.mkdir(parents=True, exist_ok=True)
    used = _used(picture)
    if len(used) > _COLORS:
        picture = _merged(picture)
        used = _used(picture)
    if len(used) > _COLORS:
        Image.fromarray(picture.rgba, "RGBA").save(path)
        return
    numbers = np.zeros(len(picture.colors), np.uint8)
    numbers[used] = np.arange(len(used))
    colors = picture.colors[used]
    image = Image.fromarray(numbers[picture.indices], "P")
    image.putpalette(colors[:, :3].tobytes())
    image.save(path, transparency=colors[:, 3].tobytes())


def _used(picture: Picture) -> NDArray[np.intp]:
    """Return the numbers of the colours that a picture has, in order."""
    return np.flatnonzero(np.bincount(picture.indices.ravel(), minlength=len(picture.colors)))


def _merged(picture: Picture) -> Picture:
    """Return a picture with each of its colours once: neighbours on a palette often are the same."""
    colors, numbers = np.unique(picture.colors, axis=0, return_inverse=True)
    return Picture(numbers.reshape(-1)[picture.indices], colors)
