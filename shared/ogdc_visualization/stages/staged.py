"""The polygons of a block, of all files, in the tiles that they are in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.deduplicate.footprints import overlapping
from ogdc_visualization.deduplicate.neighbors import Candidates, worse_neighbors
from ogdc_visualization.deduplicate.rules import preference
from ogdc_visualization.grid import Grid, Tile
from ogdc_visualization.pyramid import Polygons
from ogdc_visualization.stages.block_features import BlockFeatures
from ogdc_visualization.staging.tiles import tiles_of_points


class Staged(NamedTuple):
    """Polygons, and which of them are in which tile of the highest level.

    Attributes:
        geometries: (n,), with `centroids` (n, 2) and `columns` of n values.
        members: Indices of polygons (m,), those of a tile after each other.
        slices: Where a tile's are among them, by column and row.
        duplicated: Which polygons (n,) are duplicates; None: that is not asked for, or they are left out.
    """

    config: VisualizationConfig
    geometries: NDArray[np.object_]
    centroids: NDArray[np.float64]
    columns: dict[str, NDArray[Any]]
    members: NDArray[np.int64]
    slices: dict[tuple[int, int], slice]
    duplicated: NDArray[np.bool_] | None = None

    @property
    def leaves(self) -> NDArray[np.int64]:
        """Column and row (k, 2) of the tiles with polygons."""
        return np.array(sorted(self.slices), np.int64).reshape(-1, 2)

    def polygons(self, tile: Tile) -> Polygons:
        """Return those of a tile of the highest level, in the order of files and rows."""
        members = self.members[self.slices[tile.x, tile.y]]
        columns = {name: column[members] for name, column in self.columns.items()}
        config, own = self.config, str(tile)
        columns[config.prop_tile] = np.full(len(members), own, object)
        columns[config.prop_centroid_within_tile] = columns[config.prop_centroid_tile] == own
        if self.duplicated is not None:
            columns[config.prop_duplicated] = self.duplicated[members]
        return Polygons(self.geometries[members], self.centroids[members], columns)


def stage(parts: Sequence[BlockFeatures], config: VisualizationConfig, grid: Grid) -> Staged:
    """Put together what files, one at least, have for a block; their order changes nothing.

    What is a duplicate is found among the polygons of the block: one that crosses its edge may be one on one
    side alone.
    """
    parts = sorted(parts, key=lambda part: part.features.filename)
    counts = [len(part.features.rows) for part in parts]
    begins = np.cumsum([0, *counts[:-1]])
    placed = np.concatenate(
        [
            np.column_stack((part.tiles, part.members + begin))
            for part, begin in zip(parts, begins, strict=True)
        ]
    )
    centroids = np.concatenate([part.features.centroids for part in parts])
    geometries = np.concatenate([part.features.geometries for part in parts])
    columns = _columns(parts, centroids, config, grid)
    duplicated = _duplicated(parts, geometries, centroids, columns, config, grid)
    if duplicated is not None and "staging" in (config.deduplicate_at or ()):
        placed, duplicated = placed[~duplicated[placed[:, 2]]], None
    placed = placed[np.lexsort((placed[:, 2], placed[:, 1], placed[:, 0]))]
    leaves, first = np.unique(placed[:, :2], axis=0, return_index=True)
    ends = np.append(first[1:], len(placed)).tolist()
    slices = {(x, y): slice(a, b) for (x, y), a, b in zip(leaves.tolist(), first.tolist(), ends, strict=True)}
    return Staged(config, geometries, centroids, columns, placed[:, 2], slices, duplicated)


def _duplicated(  # noqa: PLR0917  one place calls it
    parts: Sequence[BlockFeatures],
    geometries: NDArray[np.object_],
    centroids: NDArray[np.float64],
    columns: dict[str, NDArray[Any]],
    config: VisualizationConfig,
    grid: Grid,
) -> NDArray[np.bool_] | None:
    """Return which polygons (n,) are duplicates; None where that is not asked for."""
    if not config.deduplicate_at:
        return None
    files = np.repeat(np.arange(len(parts)), [len(part.features.rows) for part in parts])
    if config.deduplicate_method == "footprints":
        found = overlapping(geometries, files, [part.footprint for part in parts], config)
        found |= np.concatenate([part.outside for part in parts])
        return found
    places = preference(columns, config.deduplicate_keep_rules)
    return worse_neighbors(Candidates(geometries, centroids, files, places, grid.crs), config)


def _columns(
    parts: Sequence[BlockFeatures], centroids: NDArray[np.float64], config: VisualizationConfig, grid: Grid
) -> dict[str, NDArray[Any]]:
    """Return the attributes of all files, and those that staging adds; what a file has not is none there."""
    found = [part.features for part in parts]
    names = dict.fromkeys(name for features in found for name in features.columns)
    columns = {
        name: _joined([f.columns.get(name) for f in found], [len(f.rows) for f in found]) for name in names
    }
    x, y = tiles_of_points(centroids, grid, config.max_level)
    tiles = [str(Tile(a, b, config.max_level)) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    return columns | {
        config.prop_area: np.concatenate([f.areas for f in found]),
        config.prop_centroid_x: centroids[:, 0],
        config.prop_centroid_y: centroids[:, 1],
        config.prop_filename: np.array([f.filename for f in found for _ in f.rows], object),
        config.prop_identifier: np.concatenate([f.identifiers for f in found]),
        config.prop_centroid_tile: np.array(tiles, object),
    }


def _joined(parts: Sequence[NDArray[Any] | None], lengths: Sequence[int]) -> NDArray[Any]:
    """Put a column of several files together; NaN, or None, where a file has none."""
    known = [part for part in parts if part is not None]
    numeric = all(part.dtype.kind in "iufb" for part in known)
    missing = np.nan if numeric else None
    kind: Any = None if len(known) == len(parts) else (np.float64 if numeric else object)
    return np.concatenate(
        [
            np.full(length, missing, kind or object) if part is None else part.astype(kind or part.dtype)
            for part, length in zip(parts, lengths, strict=True)
        ]
    )
