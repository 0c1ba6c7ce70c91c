"""Writes web tiles: at once where their colours are known, else when all tiles of their level are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.visualization.config import Statistic, VisualizationConfig
from ogdc_visualization.grid import Tile
from ogdc_visualization.stages.colors import Colors
from ogdc_visualization.stages.facts import Extremes
from ogdc_visualization.tile_files import tile_path
from ogdc_visualization.web_tiles.png import paint, write_png

Bands = NDArray[np.float64]
"""(statistics, rows, columns)"""


class Pictures:
    """Writes pictures of tiles below `output`."""

    def __init__(self, config: VisualizationConfig, output: Path, colors: Colors) -> None:
        self._config, self._output, self._colors = config, output, colors

    def paint_known(self, tile: Tile, bands: Bands) -> None:
        """Write those for which the configuration has the values of the first and the last colour."""
        waiting = self._config.waiting_at(tile.z)
        if self._config.has_pictures(tile.z):
            self._paint(tile, bands, [each for each in self._config.statistics if each not in waiting], {})

    def paint_waiting(self, tile: Tile, bands: Bands, extremes: Extremes) -> None:
        """Write the others, by the extremes of the whole level."""
        self._paint(tile, bands, self._config.waiting_at(tile.z), extremes)

    def _paint(self, tile: Tile, bands: Bands, which: Sequence[Statistic], extremes: Extremes) -> None:
        config = self._config
        for statistic, band in zip(config.statistics, bands, strict=True):
            if statistic in which:
                name = statistic.name
                path = tile_path(
                    self._output, config, config.dir_web_tiles, tile, config.ext_web_tiles, style=name
                )
                low, high = color_range(statistic, tile.z, extremes)
                write_png(path, paint(band, self._colors[name], statistic.nodata_val, low, high))


def color_range(statistic: Statistic, level: int, extremes: Extremes) -> tuple[float, float]:
    """Return the values of the first and the last colour; the default is the range of the whole level."""
    low, high = statistic.range_at(level)
    if low is None or high is None:
        smallest, largest = extremes[statistic.name, level]
        return (smallest if low is None else low, largest if high is None else high)
    return low, high
