"""The first stage: what is in the files of a partition, divided among blocks of the map."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ogdc_shared.several import several
from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.deduplicate.footprints import Footprint, outside, read_footprint
from ogdc_visualization.grid import Tile, load_grid
from ogdc_visualization.stages.block_features import BlockFeatures, write_block_features
from ogdc_visualization.stages.blocks import block_level, block_name
from ogdc_visualization.staging.features import Features, Warn, read_features
from ogdc_visualization.staging.tiles import place
from ogdc_visualization.web_tiles.palette import check_colors


def scatter(
    config: VisualizationConfig, inputs: Path, output: Path, warn: Warn, footprints: Path | None = None
) -> None:
    """Read the files below `inputs` and write below `output` a directory for each block with features.

    Footprints, where they decide, are below `footprints`, called as the inputs.

    Raises:
        InputError: an input cannot be used.
    """
    check_colors(config.statistics)
    grid = load_grid(config.tms_id)
    for name in _names(config, inputs, warn):
        features = read_features(inputs / name, name, config, grid, warn)
        footprint = _footprint(name, config, footprints, warn) if features else None
        for block, part in _parts(features, footprint, config) if features else ():
            # A name that is new for each file, and the same whenever it is read.
            number = hashlib.sha256(name.encode()).hexdigest()[:16]
            write_block_features(output / block_name(block) / f"{number}.npz", part)


def _names(config: VisualizationConfig, inputs: Path, warn: Warn) -> list[str]:
    """Return the files that the configuration is for, below `inputs`, in order.

    Where there are none, another task may well have some.
    """
    names = sorted(
        path.relative_to(inputs).as_posix()
        for path in inputs.rglob("*")
        if path.name.lower().endswith(config.ext_input.lower()) and not path.name.startswith(".")
    )
    if not names:
        others = sorted(path.relative_to(inputs).as_posix() for path in inputs.rglob("*") if path.is_file())
        warn(
            f"{several(others)}: no name ends in {config.ext_input!r}, as ext_input of the configuration says"
        )
    return names


def _footprint(
    name: str, config: VisualizationConfig, directory: Path | None, warn: Warn
) -> Footprint | None:
    if directory is None or not config.deduplicate_at or config.deduplicate_method != "footprints":
        return None
    footprint = read_footprint(directory, name, config, load_grid(config.tms_id).crs)
    if footprint is None:
        warn(f"{name} has no footprint in {config.dir_footprints}, so none of its polygons is a duplicate")
    return footprint


def _parts(
    features: Features, footprint: Footprint | None, config: VisualizationConfig
) -> Iterator[tuple[Tile, BlockFeatures]]:
    """Yield each block that features are in, with those."""
    is_outside = outside(features.geometries, footprint, config)
    level = block_level(config)
    placed = place(features.geometries, load_grid(config.tms_id), config.max_level)
    tiles = np.column_stack((placed.x, placed.y))
    blocks, number = np.unique(tiles >> (config.max_level - level), axis=0, return_inverse=True)
    for index, (x, y) in enumerate(blocks.tolist()):
        here = np.flatnonzero(number.ravel() == index)
        rows, members = np.unique(placed.feature[here], return_inverse=True)
        own = Features(
            features.geometries[rows],
            {name: column[rows] for name, column in features.columns.items()},
            features.centroids[rows],
            features.areas[rows],
            features.rows[rows],
            features.filename,
        )
        yield Tile(x, y, level), BlockFeatures(own, tiles[here], members.ravel(), is_outside[rows], footprint)
