"""The last stage: what lies above the blocks, and what takes all of them to be known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_shared.visualization.reading import render_config
from ogdc_visualization.grid import Tile, load_grid
from ogdc_visualization.products.files import write_products
from ogdc_visualization.raster.geotiff import read_geotiff
from ogdc_visualization.raster.pyramid import reduce_tiles
from ogdc_visualization.stages.blocks import deepest_level, find_facts
from ogdc_visualization.stages.colors import Colors, read_colors
from ogdc_visualization.stages.facts import (
    RANGES,
    Extremes,
    merge_extremes,
    read_facts,
    read_ranges,
)
from ogdc_visualization.stages.pictures import Pictures, color_range
from ogdc_visualization.stages.tables import Tables
from ogdc_visualization.stages.tiles import TileFiles
from ogdc_visualization.staging.findings import Warn
from ogdc_visualization.tile_files import find_raster
from ogdc_visualization.tiles3d.files import Leaves

Bands = NDArray[np.float64]


class _Found(NamedTuple):
    """What `build` has made: its blocks with a raster, the rasters of each level, the leaves of 3D tiles."""

    blocks: list[Tile]
    tiles: dict[int, NDArray[np.int64]]
    leaves: Leaves


def top(config: VisualizationConfig, inputs: Path, output: Path, warn: Warn) -> None:
    """Make the rest of the result from what the stages before have left below `inputs`."""
    with Tables() as tables:
        found = _find(find_facts(inputs), tables)
        roots = (output, *sorted(inputs.glob("build/*/result")), *sorted(inputs.glob("paint/*/result")))
        colors = read_colors(sorted(inputs.glob("build/*")), config.statistics)
        files = TileFiles(config, load_grid(config.tms_id), output, colors)
        if config.enable_raster and config.enable_raster_parents:
            _raise_pyramid(config, found.blocks, files, roots)
        tables.add(files.staging, files.rasters, files.events)
        tables.write(config, output)
    extremes = merge_extremes((read_ranges(inputs.glob(f"build/*/{RANGES}")), files.extremes))
    tiles = _tiles([found.tiles, _as_arrays(files.tiles)])
    above = {level: places for level, places in tiles.items() if level < deepest_level(inputs)}
    _paint_waiting(config, above, Pictures(config, output, colors), roots, extremes)
    if len(found.leaves.places):
        files.tileset.write_tilesets(found.leaves)
    _write_products(config, tiles, roots, extremes=extremes, colors=colors, warn=warn)


def _find(paths: Iterable[Path], tables: Tables) -> _Found:
    """Read the facts of blocks, one after the other, as their rows take much more memory than the rest."""
    blocks, tiles, leaves = [], [], [Leaves.of(())]
    for facts in map(read_facts, paths):
        tables.add(facts.staging, facts.rasters, facts.events)
        tiles.append(_as_arrays(facts.tiles))
        leaves.append(Leaves.of(facts.leaves))
        if facts.tiles:
            blocks.append(Tile(*facts.block))
    return _Found(blocks, _tiles(tiles), Leaves(*map(np.concatenate, zip(*leaves, strict=True))))


def _write_products(
    config: VisualizationConfig,
    tiles: Mapping[int, NDArray[np.int64]],
    roots: tuple[Path, ...],
    *,
    extremes: Extremes,
    colors: Colors,
    warn: Warn,
) -> None:
    ranges = {
        (each.name, level): color_range(each, level, extremes)
        for each in config.statistics
        for level in tiles
    }
    if config.waits:
        _write_updated(config, roots[0], ranges)
    if tiles:
        grid = load_grid(config.tms_id)
        now = datetime.now(UTC)
        write_products(
            roots, config, grid=grid, tiles=tiles, ranges=ranges, colors=colors, created=now, warn=warn
        )


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


def _as_arrays(tiles: Mapping[int, list[tuple[int, int]]]) -> dict[int, NDArray[np.int64]]:
    return {level: np.array(places, np.int64) for level, places in tiles.items()}


def _tiles(several: Sequence[Mapping[int, NDArray[np.int64]]]) -> dict[int, NDArray[np.int64]]:
    """Return column and row (n, 2) of all tiles that have a raster, in order, by level."""
    found: dict[int, list[NDArray[np.int64]]] = {}
    for level, places in (item for each in several for item in each.items()):
        found.setdefault(level, []).append(places)
    every = {level: np.concatenate(found[level]) for level in sorted(found)}
    return {level: places[np.lexsort((places[:, 1], places[:, 0]))] for level, places in every.items()}


def _paint_waiting(
    config: VisualizationConfig,
    tiles: Mapping[int, NDArray[np.int64]],
    pictures: Pictures,
    roots: tuple[Path, ...],
    extremes: Extremes,
) -> None:
    """Write the pictures above the deepest blocks where colours depend on the values of a whole level."""
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
