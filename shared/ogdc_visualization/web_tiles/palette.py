"""256 colours for the values from the smallest to the largest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.errors import InputError
from ogdc_shared.visualization.config import Statistic

COLORS = 256
_BREWER_COUNTS = (12, 11, 10, 9, 8)
_ROUNDING = 1e-6
"""What stands for a whole number of 255 parts may be a little less."""


def color_table(palette: Sequence[str] | str) -> NDArray[np.uint8]:
    """Return red, green, blue and alpha (256, 4) of a palette: a list of CSS colours, or a name.

    Raises:
        ValueError: there is no palette, or no colour, of that name.
    """
    return _named_table(palette) if isinstance(palette, str) else _interpolated_table(tuple(palette))


@lru_cache
def _interpolated_table(palette: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return the colours of a palette of CSS colours.

    Colour i is at i / 256 of the way through the palette, so that the last colour is never quite reached; in
    between it goes straight through CIE LCH, the shorter way around the hues.
    """
    from coloraide import Color

    between = Color.interpolate([Color(each) for each in palette], space="lch", hue="shorter")
    return np.array([_rgba(between(i / COLORS)) for i in range(COLORS)], np.uint8)


@lru_cache
def _named_table(name: str) -> NDArray[np.uint8]:
    """Return the colours of a named palette.

    ColorBrewer's discrete palettes are tried first, with the most colours available, as the package
    `colormaps` does, where the names come from.
    """
    from cmap import Colormap

    for candidate in (*(f"colorbrewer:{name}_{count}" for count in _BREWER_COUNTS), name):
        try:
            colors = Colormap(candidate)(np.arange(COLORS) / COLORS)
        except ValueError:
            continue
        return np.trunc(np.asarray(colors) * 255 + _ROUNDING).astype(np.uint8)
    raise ValueError(f"there is no palette {name!r}")


@lru_cache
def rgba_of(color: str) -> tuple[int, int, int, int]:
    """Parse a CSS colour.

    Raises:
        ValueError: it is not valid.
    """
    from coloraide import Color

    return _rgba(Color(color))


def _rgba(color: object) -> tuple[int, int, int, int]:
    """Three significant digits of each, cut to whole numbers, as colours are written in CSS."""
    shown = color.convert("srgb").fit(method="lch-chroma")  # type: ignore[attr-defined]
    return tuple(int(float(f"{max(each, 0) * 255:.3g}")) for each in (*shown.coords(), shown.alpha()))  # type: ignore[return-value]


def colors_of(statistic: Statistic) -> NDArray[np.uint8]:
    """Return the colours (n, 4) of a statistic: its palette, then that of no data if it has such a value.

    Raises:
        InputError: the palette or a colour is not valid.
    """
    try:
        table, nodata = color_table(statistic.palette), rgba_of(statistic.nodata_color)
    except ValueError as exc:
        raise InputError(f"Statistic {statistic.name!r}: palette or nodata_color: {exc}.") from exc
    return table if statistic.nodata_val is None else np.vstack((table, np.array([nodata], np.uint8)))
