"""The last stage: what lies above the blocks, and what takes all of them to be known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_shared.visualization.reading import render_config
from ogdc_visualization.grid import Tile, load_grid
from ogdc_visualization.products.files import write_products
from ogdc_visualization.raster.geotiff import read_geotiff
from ogdc_visualization.raster.pyramid import reduce_tiles
from ogdc_visualization.stages.blocks import deepest_level, find_facts
from ogdc_visualization.stages.facts import (
    RANGES,
    BlockFacts,
    Extremes,
    merge_extremes,
    read_facts,
    read_ranges,
)
from ogdc_visualization.stages.pictures import Pictures, color_range
from ogdc_visualization.stages.tiles import TileFiles
from ogdc_visualization.staging.findings import Warn
from ogdc_visualization.summaries import EVENTS, RASTERS, STAGING, write_table
from ogdc_visualization.tile_files import find_raster

Bands = NDArray[np.float64]


def top(config: VisualizationConfig, inputs: Path, output: Path, warn: Warn) -> None:
    """Make the rest of the result from what the stages before have left below `inputs`."""
    facts = sorted(map(read_facts, find_facts(inputs)), key=lambda each: each.block)
    roots = (output, *sorted(inputs.glob("build/*/result")), *sorted(inputs.glob("paint/*/result")))
    grid = load_grid(config.tms_id)
    files = TileFiles(config, grid, output)
    if config.enable_raster and config.enable_raster_parents:
        _raise_pyramid(config, [Tile(*each.block) for each in facts if each.tiles], files, roots)
    extremes = merge_extremes((read_ranges(inputs.glob(f"build/*/{RANGES}")), files.extremes))
    tiles = _tiles(facts, files)
    above = {level: places for level, places in tiles.items() if level < deepest_level(inputs)}
    _paint_waiting(config, above, Pictures(config, output), roots, extremes)
    _write_tables(config, output, facts, files)
    if leaves := {Tile(x, y, config.max_level): extent for each in facts for x, y, extent in each.leaves}:
        files.tileset.write_tilesets(leaves)
    ranges = {
        (each.name, level): color_range(each, level, extremes)
        for each in config.statistics
        for level in tiles
    }
    if config.waits:
        _write_updated(config, output, ranges)
    if tiles:
        write_products(roots, config, grid, tiles, ranges, created=datetime.now(UTC), warn=warn)


def _raise_pyramid(
    config: VisualizationConfig, blocks: list[Tile], files: TileFiles, roots: tuple[Path, ...]
) -> None:
    """Make the rasters above the blocks, which are of several levels, level by level."""
    methods = [each.resampling_method for each in config.statistics]
    tiles: set[Tile] = set()
    for above in range(max((block.z for block in blocks), default=0) - 1, config.min_level - 1, -1):
        tiles |= {block for block in blocks if block.z == above + 1}
        parents = sorted({tile.parent for tile in tiles})
        for parent in parents:
            children = [_bands(config, child, roots) if child in tiles else None for child in parent.children]
            files.raster(parent, reduce_tiles(children, methods))
        tiles = set(parents)


def _bands(config: VisualizationConfig, tile: Tile, roots: tuple[Path, ...]) -> Bands:
    return read_geotiff(find_raster(roots, config, tile))


def _tiles(facts: Iterable[BlockFacts], files: TileFiles) -> dict[int, NDArray[np.int64]]:
    """Return column and row of all tiles that have a raster, in order, by level."""
    found: dict[int, list[tuple[int, int]]] = {level: list(places) for level, places in files.tiles.items()}
    for each in facts:
        for level, places in each.tiles.items():
            found.setdefault(level, []).extend(places)
    return {level: np.array(sorted(found[level]), np.int64) for level in sorted(found)}


def _paint_waiting(
    config: VisualizationConfig,
    tiles: Mapping[int, NDArray[np.int64]],
    pictures: Pictures,
    roots: tuple[Path, ...],
    extremes: Extremes,
) -> None:
    """Write the pictures of levels above the deepest blocks whose colours stand for all tiles of a level."""
    for level, places in tiles.items():
        if config.waiting_at(level):
            for tile in (Tile(x, y, level) for x, y in places.tolist()):
                pictures.paint_waiting(tile, _bands(config, tile, roots), extremes)


def _write_updated(config: VisualizationConfig, output: Path, ranges: Extremes) -> None:
    """Write the configuration with the values that the colours stand for, as the packages call it."""
    name = output / config.filename_config
    path = name.with_name(f"{name.stem}__updated.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(render_config(config, ranges))


def _write_tables(
    config: VisualizationConfig, output: Path, facts: list[BlockFacts], files: TileFiles
) -> None:
    """Write the summaries, in the order of levels, columns and rows."""
    staging = sorted(
        (row for each in facts for row in each.staging),
        key=lambda row: (row["tile_x"], row["tile_y"], row["filename"]),
    )
    if config.enable_stager:
        write_table(output / config.filename_staging_summary, STAGING, staging)
    rasters = _by_place([*files.rasters, *(row for each in facts for row in each.rasters)])
    events = _by_place([*files.events, *(row for each in facts for row in each.events)])
    if rasters:
        write_table(output / config.filename_rasters_summary, RASTERS, rasters)
        numbered = ({"id": number, **row} for number, row in enumerate(events, 1))
        write_table(output / config.filename_rasterization_events, EVENTS, numbered)


def _by_place(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows about tiles in the order of levels and tiles; those of one tile stay as they are."""
    return sorted(rows, key=lambda row: (row["z"], row["tile"], row["path"]))
