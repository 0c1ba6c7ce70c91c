"""The polygons of a block, of all files, in the tiles that they are in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Grid, Tile
from ogdc_visualization.morton import decode
from ogdc_visualization.pyramid import Polygons
from ogdc_visualization.stages.columns import added_columns, join_all
from ogdc_visualization.stages.feature_store import FileFeatures


class Staged(NamedTuple):
    """Polygons, and which of them are in which tile of the highest level.

    Attributes:
        parts: What each file has, in the order of files.
        begins: Where the polygons of each are among all of them.
        geometries: (n,), with `centroids` (n, 2) and `added`, columns of n values.
        members: Indices of polygons (m,), those of a tile after each other.
        slices: Where a tile's are among them, by column and row.
        duplicated: Which polygons (n,) are duplicates; None: that is not asked for, or they are left out.
    """

    config: VisualizationConfig
    parts: Sequence[FileFeatures]
    begins: NDArray[np.int64]
    geometries: NDArray[np.object_]
    centroids: NDArray[np.float64]
    added: dict[str, NDArray[Any]]
    members: NDArray[np.int64]
    slices: dict[tuple[int, int], slice]
    duplicated: NDArray[np.bool_] | None = None

    @property
    def leaves(self) -> NDArray[np.int64]:
        """Column and row (k, 2) of the tiles with polygons."""
        return np.array(sorted(self.slices), np.int64).reshape(-1, 2)

    def polygons(self, tile: Tile) -> Polygons:
        """Return those of a tile of the highest level, in the order of files and rows.

        Their columns are those of the files that are in this tile.
        """
        members = self.members[self.slices[tile.x, tile.y]]
        columns = self._attributes(members)  # with what is added, if they were staged before
        columns |= {name: values[members] for name, values in self.added.items() if name not in columns}
        config, own = self.config, str(tile)
        columns[config.prop_tile] = np.full(len(members), own, object)
        columns[config.prop_centroid_within_tile] = columns[config.prop_centroid_tile] == own
        if self.duplicated is not None:
            columns[config.prop_duplicated] = self.duplicated[members]
        return Polygons(self.geometries[members], self.centroids[members], columns)

    def _attributes(self, members: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return the attributes of polygons, in order, that their files have."""
        owners = np.searchsorted(self.begins, members, side="right") - 1
        found, first = np.unique(owners, return_index=True)
        rows = np.split(members - self.begins[owners], first[1:])
        tables = [
            {name: values[which] for name, values in self.parts[owner].features.columns.items()}
            for owner, which in zip(found.tolist(), rows, strict=True)
        ]
        return join_all(tables, list(map(len, rows)))


def stage(
    parts: Sequence[FileFeatures],
    duplicated: Sequence[NDArray[np.bool_]] | None,
    config: VisualizationConfig,
    grid: Grid,
) -> Staged:
    """Put together what files, one at least, have for a block, in their order.

    Args:
        parts: What each file has.
        duplicated: Which polygons of each part are duplicates; None: that is not asked for.
        config: Says where duplicates are left out.
        grid: Of the map.
    """
    found = [part.features for part in parts]
    begins = np.cumsum([0, *(len(features.rows) for features in found[:-1])])
    codes = np.concatenate([part.codes for part in parts])
    members = np.concatenate([part.members + begin for part, begin in zip(parts, begins, strict=True)])
    marked = None if duplicated is None else np.concatenate(duplicated)
    if marked is not None and "staging" in (config.deduplicate_at or ()):
        kept = ~marked[members]
        codes, members, marked = codes[kept], members[kept], None
    order = np.lexsort((members, codes))
    codes, members = codes[order], members[order]
    leaves, first = np.unique(codes, return_index=True)
    x, y = (each.tolist() for each in decode(leaves))
    ends = np.append(first[1:], len(codes))[: len(first)].tolist()
    return Staged(
        config,
        parts,
        begins,
        np.concatenate([features.geometries for features in found]),
        np.concatenate([features.centroids for features in found]),
        added_columns(found, config, grid),
        members,
        {(a, b): slice(c, d) for a, b, c, d in zip(x, y, first.tolist(), ends, strict=True)},
        marked,
    )
