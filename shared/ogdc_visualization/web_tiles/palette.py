"""256 colours for the values from the smallest to the largest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

COLORS = 256


@lru_cache
def lookup_table(palette: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return red, green, blue and alpha (256, 4) of a palette of CSS colours.

    Colour i is at i / 256 of the way through the palette, so that the last colour is never quite reached; in
    between it goes straight through CIE LCH, the shorter way around the hues.
    """
    from coloraide import Color

    between = Color.interpolate([Color(each) for each in palette], space="lch", hue="shorter")
    return np.array([_rgba(between(i / COLORS)) for i in range(COLORS)], np.uint8)


@lru_cache
def rgba_of(color: str) -> tuple[int, int, int, int]:
    """Return one CSS colour.

    Raises:
        ValueError: it is none.
    """
    from coloraide import Color

    return _rgba(Color(color))


def _rgba(color: object) -> tuple[int, int, int, int]:
    """Three significant digits of each, cut to whole numbers, as colours are written in CSS."""
    shown = color.convert("srgb").fit(method="lch-chroma")  # type: ignore[attr-defined]
    return tuple(int(float(f"{max(each, 0) * 255:.3g}")) for each in (*shown.coords(), shown.alpha()))  # type: ignore[return-value]


def named_palette(palette: Sequence[str] | str) -> tuple[str, ...]:
    """Return the colours of a palette that is given by its name, or as they are."""
    if not isinstance(palette, str):
        return tuple(palette)
    from cmap import Colormap

    return tuple(Colormap(palette)(i / (COLORS - 1)).hex for i in range(COLORS))
