"""Which polygons of a block are duplicates, judged by all that is like them, beyond its edge, too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.batches import expand
from ogdc_visualization.deduplicate.footprints import overlapping
from ogdc_visualization.deduplicate.neighbors import Candidates, like_pairs, worse_neighbors
from ogdc_visualization.deduplicate.rules import preference
from ogdc_visualization.grid import Grid
from ogdc_visualization.morton import Codes, encode
from ogdc_visualization.stages.columns import added_columns, join
from ogdc_visualization.stages.feature_store import FeatureStore, FileFeatures

Which = NDArray[np.bool_]


def find_duplicates(
    store: FeatureStore, codes: Codes, parts: Sequence[FileFeatures], config: VisualizationConfig, grid: Grid
) -> list[Which] | None:
    """Return a mask of the duplicates in each part, or None if deduplication is not requested here.

    Args:
        store: The features of all files.
        codes: The tiles of a block, in order.
        parts: The store's features in these tiles.
        config: Defines what a duplicate is.
        grid: The grid of the map.
    """
    if not config.deduplicate_at or not config.enable_stager:  # else staging has found them
        return None
    if config.deduplicate_method == "footprints":
        return _by_footprints(store, parts, config)
    return _by_neighbors(store, codes, parts, config, grid)


def _by_footprints(
    store: FeatureStore, parts: Sequence[FileFeatures], config: VisualizationConfig
) -> list[Which]:
    """Each polygon is compared with footprints alone, so others of its kind need not be there."""
    footprints = store.footprints()
    found = []
    for part in parts:
        files = np.full(len(part.features.rows), part.file)
        found.append(part.outside | overlapping(part.features.geometries, files, footprints, config))
    return found


def _by_neighbors(
    store: FeatureStore, codes: Codes, parts: Sequence[FileFeatures], config: VisualizationConfig, grid: Grid
) -> list[Which]:
    """Find duplicates, reading polygons around the block that may be alike, those like them, and so on.

    Whether a polygon is a duplicate depends on exactly the polygons that are linked with it in this way.
    """
    near = parts
    seen = codes
    wanted = {(part.file, row) for part in parts for row in part.features.rows.tolist()}
    while True:
        reached = np.setdiff1d(_tiles(near, wanted, config.max_level, grid), seen)
        reached = np.intersect1d(reached, store.leaves.codes, assume_unique=True)
        if not len(reached):
            break
        seen = np.union1d(seen, reached)
        near = store.read(seen)
        wanted = _linked(_candidates(near, config, grid), near, wanted, config)
    duplicated = worse_neighbors(_candidates(near, config, grid), config)
    known = dict(zip(_keys(near), duplicated.tolist(), strict=True))
    return [np.array([known[part.file, row] for row in part.features.rows.tolist()], bool) for part in parts]


def _keys(parts: Sequence[FileFeatures]) -> list[tuple[int, int]]:
    """File and row of each polygon."""
    return [(part.file, row) for part in parts for row in part.features.rows.tolist()]


def _linked(
    candidates: Candidates,
    parts: Sequence[FileFeatures],
    wanted: set[tuple[int, int]],
    config: VisualizationConfig,
) -> set[tuple[int, int]]:
    """Return those polygons, and all that are linked with them."""
    keys = _keys(parts)
    inside = np.array([key in wanted for key in keys], bool)
    a, b = like_pairs(candidates, config)
    while True:
        grown = inside.copy()
        grown[a] |= inside[b]
        grown[b] |= inside[a]
        if (grown == inside).all():
            return {key for key, is_in in zip(keys, inside.tolist(), strict=True) if is_in}
        inside = grown


def _tiles(parts: Sequence[FileFeatures], wanted: set[tuple[int, int]], level: int, grid: Grid) -> Codes:
    """Return all tiles that the bounds of polygons meet."""
    geometries = np.concatenate([part.features.geometries for part in parts])
    bounds = shapely.bounds(geometries[[key in wanted for key in _keys(parts)]])
    side, (columns, rows) = grid.side_at(level), grid.size_at(level)
    x0, x1 = ((bounds[:, edge] - grid.west) / side for edge in (0, 2))
    y0, y1 = ((grid.north - bounds[:, edge]) / side for edge in (3, 1))
    west, east = (np.clip(np.floor(each).astype(np.int64), 0, columns - 1) for each in (x0, x1))
    north, south = (np.clip(np.floor(each).astype(np.int64), 0, rows - 1) for each in (y0, y1))
    widths = east - west + 1
    owner, number = expand(widths * (south - north + 1))
    return np.unique(encode(west[owner] + number % widths[owner], north[owner] + number // widths[owner]))


def _candidates(parts: Sequence[FileFeatures], config: VisualizationConfig, grid: Grid) -> Candidates:
    found = [part.features for part in parts]
    lengths = [len(features.rows) for features in found]
    added = added_columns(found, config, grid)
    columns = {
        name: added[name] if name in added else join([f.columns.get(name) for f in found], lengths)
        for name, _ in config.deduplicate_keep_rules
    }
    return Candidates(
        np.concatenate([features.geometries for features in found]),
        np.concatenate([features.centroids for features in found]),
        np.repeat([part.file for part in parts], lengths),
        preference(columns, config.deduplicate_keep_rules),
        grid.crs,
    )
