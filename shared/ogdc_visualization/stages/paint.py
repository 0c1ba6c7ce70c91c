"""The stage after `build`, where it is needed: pictures whose colours stand for all tiles of a level."""

from __future__ import annotations

from pathlib import Path

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Tile
from ogdc_visualization.raster.geotiff import read_geotiff
from ogdc_visualization.stages.blocks import deepest_level, find_facts
from ogdc_visualization.stages.colors import read_colors
from ogdc_visualization.stages.facts import RANGES, read_facts, read_ranges
from ogdc_visualization.stages.pictures import Pictures
from ogdc_visualization.tile_files import tile_path


def paint(config: VisualizationConfig, inputs: Path, output: Path) -> None:
    """Paint what waits of the blocks below `inputs`, where `build` has left them whole, too.

    The extremes of a level are those that all tasks of `build` tell: a small file of each. Of levels above
    the deepest block some tiles are still to be made, so `top` paints them.
    """
    extremes = read_ranges((inputs / "build").glob(f"*/{RANGES}"))
    deepest = deepest_level(inputs)
    colors = read_colors(sorted(inputs.glob("build/*")), config.statistics)
    pictures = Pictures(config, output / "result", colors)
    for path in find_facts(inputs):
        rasters = inputs / "build" / path.parent.name / "result"
        for level, places in read_facts(path).tiles.items():
            if level < deepest or not config.waiting_at(level):
                continue
            for tile in (Tile(x, y, level) for x, y in places):
                raster = tile_path(rasters, config, config.dir_geotiff, tile, ".tif")
                pictures.paint_waiting(tile, read_geotiff(raster), extremes)
