"""The second stage: all that is at and below each block's own tile."""

from __future__ import annotations

from pathlib import Path

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Grid, Tile, load_grid
from ogdc_visualization.pyramid import Pyramid
from ogdc_visualization.stages.blocks import MAX_WEIGHT, Block, Share, block_name, block_weight, divide_map
from ogdc_visualization.stages.colors import Colors, read_colors, write_colors
from ogdc_visualization.stages.duplicates import find_duplicates
from ogdc_visualization.stages.facts import (
    FACTS,
    RANGES,
    BlockFacts,
    Extremes,
    merge_extremes,
    write_facts,
    write_ranges,
)
from ogdc_visualization.stages.feature_store import FeatureStore
from ogdc_visualization.stages.staged import stage
from ogdc_visualization.stages.tiles import TileFiles


def build(config: VisualizationConfig, inputs: Path, output: Path, *, most: int | None = None) -> None:
    """Make one share of the blocks: tiles go to `result`, and facts for later stages beside it.

    Every share reads everything that `scatter` wrote, so all compute the same blocks. `most` is the maximum
    weight of a block, instead of one that fits the number of shares.
    """
    grid = load_grid(config.tms_id)
    extremes: Extremes = {}
    colors = read_colors(sorted(inputs.glob("*/*")), config.statistics)
    for directory in sorted(inputs.iterdir()):
        share, store = Share.read(directory.name), FeatureStore(sorted(directory.iterdir()))
        blocks = divide_map(
            store.leaves,
            lowest=config.min_level,
            highest=config.max_level,
            most=most or block_weight(store.leaves, share),
            limit=most or MAX_WEIGHT,
        )
        for block in share.of(blocks):
            files, facts = _build_block(
                config, grid, block, store=store, result=output / "result", colors=colors
            )
            write_facts(output / block_name(block.tile) / FACTS, facts)
            extremes = merge_extremes((extremes, files.extremes))
    write_ranges(output / RANGES, extremes)
    write_colors(output, colors)


def _build_block(
    config: VisualizationConfig,
    grid: Grid,
    block: Block,
    *,
    store: FeatureStore,
    result: Path,
    colors: Colors,
) -> tuple[TileFiles, BlockFacts]:
    """Make one block."""
    codes = store.leaves.codes[block.leaves]
    parts = store.read(codes)
    staged = stage(parts, find_duplicates(store, codes, parts, config, grid), config, grid)
    files = TileFiles(config, grid, result, colors)
    if config.enable_raster:
        lowest = block.tile.z if config.enable_raster_parents else config.max_level
        pyramid = Pyramid(config, grid, staged.leaves, staged, files, lowest=lowest)
        for root in pyramid.roots:
            pyramid.build(root)
    else:
        for x, y in staged.leaves.tolist():
            tile = Tile(x, y, config.max_level)
            files.staged(tile, staged.polygons(tile))
    leaves = [(tile.x, tile.y, extent) for tile, extent in files.tileset.extents.items()]
    place = (block.tile.x, block.tile.y, block.tile.z)
    return files, BlockFacts(place, files.tiles, files.staging, files.rasters, files.events, leaves)
