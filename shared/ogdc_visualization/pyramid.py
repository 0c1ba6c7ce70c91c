"""All tiles of a map, from the polygons of the highest level down to the lowest level, depth first.

A tile's raster is in memory until the tile above it is made: four at a level, however large the map is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Grid, Tile
from ogdc_visualization.raster.cells import Cells
from ogdc_visualization.raster.pyramid import reduce_tiles
from ogdc_visualization.raster.statistics import rasterize
from ogdc_visualization.staging.tiles import counting_tiles

Values = NDArray[np.float64]


class Polygons(NamedTuple):
    """What is in one tile of the highest level; see `staging.features.Features`."""

    geometries: NDArray[np.object_]
    centroids: Values
    columns: Mapping[str, NDArray[Any]]

    def kept_at(self, step: str, config: VisualizationConfig) -> Polygons:
        """Return them without duplicates, if the configuration says that a step has none."""
        if step not in (config.deduplicate_at or ()) or config.prop_duplicated not in self.columns:
            return self
        kept = ~self.columns[config.prop_duplicated].astype(bool)
        columns = {name: column[kept] for name, column in self.columns.items()}
        return Polygons(self.geometries[kept], self.centroids[kept], columns)


class Source(Protocol):
    """Where the polygons of tiles are to be had."""

    def polygons(self, tile: Tile) -> Polygons:
        """Return those of a tile of the highest level, in their order."""
        ...


class Sink(Protocol):
    """What takes finished tiles."""

    def staged(self, tile: Tile, polygons: Polygons) -> None:
        """Take the polygons of a tile of the highest level."""
        ...

    def raster(self, tile: Tile, bands: Values) -> None:
        """Take the bands (statistics, rows, columns) of a tile."""
        ...


class Pyramid:
    """Makes the tiles below one tile, and that one."""

    def __init__(
        self,
        config: VisualizationConfig,
        grid: Grid,
        leaves: NDArray[np.int64],
        source: Source,
        sink: Sink,
        *,
        lowest: int,
    ) -> None:
        """Get ready; `leaves` (n, 2) are column and row of the tiles of the highest level with polygons.

        `lowest` is the level at which to end.
        """
        self._config, self._grid, self._source, self._sink = config, grid, source, sink
        self._methods = [each.resampling_method for each in config.statistics]
        self._lowest = lowest
        levels = range(lowest, config.max_level + 1)
        self._filled = {
            level: {tuple(each) for each in (leaves >> (config.max_level - level)).tolist()}
            for level in levels
        }

    @property
    def roots(self) -> list[Tile]:
        """The tiles of the lowest level."""
        return [Tile(x, y, self._lowest) for x, y in sorted(self._filled[self._lowest])]

    def build(self, tile: Tile) -> Values:
        """Make a tile that has polygons and all below it; return its bands (statistics, rows, columns)."""
        if tile.z == self._config.max_level:
            bands = self._leaf(tile)
        else:
            children = [self.build(child) if self._has(child) else None for child in tile.children]
            bands = reduce_tiles(children, self._methods)
        self._sink.raster(tile, bands)
        return bands

    def _has(self, tile: Tile) -> bool:
        return (tile.x, tile.y) in self._filled[tile.z]

    def _leaf(self, tile: Tile) -> Values:
        polygons = self._source.polygons(tile)
        self._sink.staged(tile, polygons)
        polygons = polygons.kept_at("raster", self._config)
        rows, columns = self._config.tile_size
        cells = Cells(self._grid.bounds(tile), rows, columns)
        numbers = {name: _numbers(polygons.columns[name]) for name in self._used_columns()}
        x, y = counting_tiles(polygons.centroids, self._grid, tile.z)
        counted = (x == tile.x) & (y == tile.y)
        return rasterize(
            polygons.geometries,
            polygons.centroids,
            counted,
            columns=numbers,
            statistics=self._config.statistics,
            cells=cells,
        )

    def _used_columns(self) -> set[str]:
        return {each.column for each in self._config.statistics if each.column is not None}


def _numbers(column: NDArray[Any]) -> Values:
    """Attributes as numbers; what is infinite is no value."""
    values: Values = column.astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)
