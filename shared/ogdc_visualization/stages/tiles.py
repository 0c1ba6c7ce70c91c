"""Writes the files of finished tiles, and keeps what is to be known of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.errors import InputError
from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Grid, Tile
from ogdc_visualization.pyramid import Polygons
from ogdc_visualization.raster.geotiff import write_geotiff
from ogdc_visualization.stages.colors import Colors
from ogdc_visualization.stages.facts import Extremes
from ogdc_visualization.stages.pictures import Pictures
from ogdc_visualization.summaries import summarize
from ogdc_visualization.tile_files import tile_path
from ogdc_visualization.tiles3d.files import TilesetFiles


class TileFiles:
    """Writes tiles below `output`.

    Attributes:
        staging: Rows of the summary of staged tiles, `rasters` of rasters, `events` of their making.
        extremes: The smallest and the largest value, by statistic and level.
        tiles: Column and row of the tiles that have a raster, by level.
        tileset: The files of 3D tiles.
    """

    def __init__(self, config: VisualizationConfig, grid: Grid, output: Path, colors: Colors) -> None:
        self._config, self._grid, self.output = config, grid, output
        self.staging: list[dict[str, object]] = []
        self.rasters: list[dict[str, object]] = []
        self.events: list[dict[str, object]] = []
        self.extremes: Extremes = {}
        self.tiles: dict[int, list[tuple[int, int]]] = {}
        self.tileset = TilesetFiles(output, config, grid)
        self._pictures = Pictures(config, output, colors)

    def staged(self, tile: Tile, polygons: Polygons) -> None:
        """Write the polygons of a tile, as a staged tile and as a 3D tile."""
        config = self._config
        if config.enable_stager:
            from ogdc_visualization.staging.geopackage import write_geopackage  # `top` stages nothing

            path = tile_path(self.output, config, config.dir_staged, tile, config.ext_staged)
            write_geopackage(path, polygons.geometries, polygons.columns, tile, self._grid)
            self.staging += self._staging_rows(tile, polygons)
        if config.enable_3dtiles:
            self.tileset.add(tile, polygons)

    def raster(self, tile: Tile, bands: NDArray[np.float64]) -> None:
        """Write the raster of a tile, and its pictures of which nothing waits for other tiles.

        Raises:
            InputError: a cell of it is more than 64 bits hold.
        """
        config, bounds, started = self._config, self._grid.bounds(tile), time.time()
        for statistic, band in zip(config.statistics, bands, strict=True):
            if not np.isfinite(band).all():
                raise InputError(f"{tile}: a cell of {statistic.name!r} does not fit into a 64-bit float.")
        self.tiles.setdefault(tile.z, []).append((tile.x, tile.y))
        path = tile_path(self.output, config, config.dir_geotiff, tile, ".tif")
        write_geotiff(path, bands, bounds, self._grid.crs, config.statistics)
        place = {"path": path.relative_to(self.output).as_posix(), "tile": str(tile), "z": tile.z}
        for statistic, band in zip(config.statistics, bands, strict=True):
            found = summarize(band)
            box = [bounds.west, bounds.east, bounds.south, bounds.north]
            self.rasters.append({"stat": statistic.name, "bounds": box, **place, **found})
            low, high = self.extremes.get((statistic.name, tile.z), (np.inf, -np.inf))
            self.extremes[statistic.name, tile.z] = (min(low, found["min"]), max(high, found["max"]))
        self._pictures.paint_known(tile, bands)
        self.events.append(place | raster_event(tile, config, started))

    def _staging_rows(self, tile: Tile, polygons: Polygons) -> list[dict[str, object]]:
        config, bounds = self._config, self._grid.bounds(tile)
        names, of_name = np.unique(polygons.columns[config.prop_filename].astype(str), return_inverse=True)
        counts = np.bincount(of_name)
        areas = np.bincount(of_name, polygons.columns[config.prop_area].astype(float))
        return [
            {
                "filename": str(name),
                "num_polygons": int(count),
                "area_polygons": float(area),
                "datetime": datetime.now(UTC).isoformat(timespec="seconds"),
                "tile_x": tile.x,
                "tile_y": tile.y,
                "tile_z": tile.z,
                "tile_top": bounds.north,
                "tile_right": bounds.east,
                "tile_bottom": bounds.south,
                "tile_left": bounds.west,
                "tms_identifier": config.tms_id,
            }
            for name, count, area in zip(names, counts, areas, strict=True)
        ]


def raster_event(tile: Tile, config: VisualizationConfig, started: float) -> dict[str, object]:
    """Return when a raster was written, by seconds since 1970, and what it was made of."""
    made_of = "geotiffs_from_vectors" if tile.z == config.max_level else "parent_geotiffs_from_children"
    ended = time.time()
    return {"type": made_of, "start_time": started, "end_time": ended, "total_time": ended - started}
