"""The colours of each statistic, which the first stage makes for all: what they take to import takes long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.visualization.config import Statistic
from ogdc_visualization.stages.array_files import read_arrays, write_arrays

COLORS = "colors.arrays"
"""Beside what a task leaves for others."""
Colors = Mapping[str, NDArray[np.uint8]]
"""Red, green, blue and alpha (n, 4) by the name of the statistic; see `palette.colors_of`."""


def make_colors(statistics: Sequence[Statistic]) -> Colors:
    """Return the colours of statistics.

    Raises:
        InputError: a palette or colour is not valid.
    """
    from ogdc_visualization.web_tiles.palette import colors_of

    return {each.name: colors_of(each) for each in statistics}


def write_colors(directory: Path, colors: Colors) -> None:
    """Leave colours in a directory."""
    write_arrays(directory / COLORS, colors)


def read_colors(directories: Iterable[Path], statistics: Sequence[Statistic]) -> Colors:
    """Return the colours that the first of these directories has; where none has any, they are made."""
    left = (directory / COLORS for directory in directories)
    found = next((path for path in left if path.is_file()), None)
    return read_arrays(found) if found else make_colors(statistics)
