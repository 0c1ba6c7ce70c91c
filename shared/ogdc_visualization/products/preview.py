"""A picture of the whole map, for those who look at the output and not at its page."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ogdc_visualization.grid import Tile
from ogdc_visualization.products.description import Limits

_MAX_TILES = 4
"""Tiles of the picture across and downwards, at most."""


def preview_level(limits: Mapping[int, Limits]) -> int:
    """Return the highest level whose tiles all fit into the picture, or else the lowest level."""
    fitting = [
        level
        for level, each in limits.items()
        if max(each.max_column - each.min_column, each.max_row - each.min_row) < _MAX_TILES
    ]
    return max(fitting, default=min(limits))


def write_preview(
    limits: Mapping[int, Limits],
    size: tuple[int, int],
    picture: Callable[[Tile], NDArray[np.uint8]],
    target: Path,
) -> None:
    """Write a picture of a level on a white background.

    Args:
        limits: The limits of each level that has pictures.
        size: Rows and columns of each tile.
        picture: Renders a tile (rows, columns, 4: RGBA); raises FileNotFoundError if there is none.
        target: The file to write.
    """
    level = preview_level(limits)
    west, east, north, south = limits[level]
    columns, rows = min(east - west + 1, _MAX_TILES), min(south - north + 1, _MAX_TILES)
    height, width = size
    canvas = Image.new("RGBA", (columns * width, rows * height), "white")
    for column, row in itertools.product(range(columns), range(rows)):
        with contextlib.suppress(FileNotFoundError):
            tile = picture(Tile(west + column, north + row, level))
            canvas.alpha_composite(Image.fromarray(tile, "RGBA"), (column * width, row * height))
    canvas.convert("RGB").save(target)
