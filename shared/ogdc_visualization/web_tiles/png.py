"""A band as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ogdc_shared.visualization.config import Statistic
from ogdc_visualization.web_tiles.palette import color_table, rgba_of


def paint(band: NDArray[np.float64], statistic: Statistic, low: float, high: float) -> NDArray[np.uint8]:
    """Return a band (rows, columns) as red, green, blue and alpha (rows, columns, 4).

    `low` has the first colour of the palette, `high` the last; what is beyond has the nearest of them.
    """
    step = 255 / (high - low) if high > low else 0.0
    index = np.trunc((np.clip(band, low, high) - low) * step).astype(np.uint8)
    picture = color_table(statistic.palette)[index]
    if statistic.nodata_val is not None:
        picture[band == statistic.nodata_val] = rgba_of(statistic.nodata_color)
    return picture


def write_png(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture (rows, columns, 4)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture, "RGBA").save(path)
