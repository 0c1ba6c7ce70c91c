"""The second stage: all that is at and below each block's own tile."""

from __future__ import annotations

from pathlib import Path

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Tile, load_grid
from ogdc_visualization.pyramid import Pyramid
from ogdc_visualization.stages.block_features import read_block_features
from ogdc_visualization.stages.blocks import read_block_name
from ogdc_visualization.stages.facts import (
    FACTS,
    RANGES,
    BlockFacts,
    Extremes,
    merge_extremes,
    write_facts,
    write_ranges,
)
from ogdc_visualization.stages.staged import stage
from ogdc_visualization.stages.tiles import TileFiles


def build(config: VisualizationConfig, inputs: Path, output: Path) -> None:
    """Make the blocks below `inputs`: tiles go to `result`, what later stages have to know beside it."""
    extremes: Extremes = {}
    for directory in sorted(inputs.iterdir()):
        block = read_block_name(directory.name)
        files, facts = _build_block(config, block, directory, output / "result")
        write_facts(output / directory.name / FACTS, facts)
        extremes = merge_extremes((extremes, files.extremes))
    write_ranges(output / RANGES, extremes)


def _build_block(
    config: VisualizationConfig, block: Tile, inputs: Path, result: Path
) -> tuple[TileFiles, BlockFacts]:
    """Make one block."""
    grid = load_grid(config.tms_id)
    staged = stage([read_block_features(path) for path in sorted(inputs.glob("*/*.npz"))], config, grid)
    files = TileFiles(config, grid, result)
    if config.enable_raster:
        lowest = block.z if config.enable_raster_parents else config.max_level
        pyramid = Pyramid(config, grid, staged.leaves, staged, files, lowest=lowest)
        for root in pyramid.roots:
            pyramid.build(root)
    else:
        for x, y in staged.leaves.tolist():
            tile = Tile(x, y, config.max_level)
            files.staged(tile, staged.polygons(tile))
    region = files.tileset.finish_block(block)
    return files, BlockFacts(
        (block.x, block.y, block.z), files.tiles, files.staging, files.rasters, files.events, region
    )
