"""The polygons of one input file, as stored between the stages `scatter` and `build`.

They are divided into parts, each a file of arrays with polygons in the order of their tiles (see `morton`). A
task that makes some of the tiles reads only their polygons. One array lists the tiles.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ogdc_visualization.deduplicate.footprints import Footprint
from ogdc_visualization.grid import Bounds, Grid
from ogdc_visualization.stages.array_files import pack, write_arrays
from ogdc_visualization.staging.features import Features
from ogdc_visualization.staging.tiles import Placed, outer_tiles, place

DESCRIPTION, FOOTPRINT, ARRAYS = "file.json", "footprint.wkb", "*.arrays"
"""Names of the files in a directory."""
COLUMN, TEXTS, ENDS = "column ", "texts ", "ends "
"""Prefixes of the names of columns' arrays."""
_PER_POLYGON = 256
"""Estimated bytes of a polygon in a tile, without its vertices."""


class FeatureFile:
    """Writes the polygons of one input file to one directory."""

    def __init__(self, directory: Path, grid: Grid, level: int) -> None:
        """Prepare for writing. `level` is the level of the tiles."""
        self._directory, self._grid, self._level = directory, grid, level
        self._parts = 0
        self._kinds: dict[str, np.dtype[Any]] = {}
        self._bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])

    def add(self, features: Features, outside: NDArray[np.bool_], placed: Placed | None = None) -> None:
        """Write features.

        Args:
            features: At least one feature.
            outside: A mask (n,) of the features outside the file's footprint.
            placed: Their tiles, or None to compute them.
        """
        for name, column in features.columns.items():
            self._kinds[name] = _common(self._kinds.get(name, column.dtype), column.dtype)
        west, south, east, north = shapely.total_bounds(features.geometries)
        low, high = np.minimum(self._bounds[:2], (west, south)), np.maximum(self._bounds[2:], (east, north))
        self._bounds = np.concatenate((low, high))
        if placed is None:
            placed = place(features.geometries, features.centroids, self._grid, self._level)
        if len(placed.codes):
            arrays = arrange(features, outside, placed)
            write_arrays(self._directory / ARRAYS.replace("*", str(self._parts)), arrays)
            self._parts += 1

    def close(self, filename: str, footprint: Footprint | None) -> None:
        """Write the metadata of the whole file, if any of its features is on the map."""
        if not self._parts:
            return
        bounds = Bounds(*self._bounds.tolist())
        description = {
            "filename": filename,
            "columns": {name: kind.str for name, kind in self._kinds.items()},
            "outer": outer_tiles(bounds, self._grid, self._level),
            "footprint": footprint and footprint.properties,
        }
        (self._directory / DESCRIPTION).write_text(json.dumps(description, default=str))
        if footprint is not None:
            (self._directory / FOOTPRINT).write_bytes(shapely.to_wkb(footprint.area))


def arrange(features: Features, outside: NDArray[np.bool_], placed: Placed) -> dict[str, NDArray[Any]]:
    """Return arrays of polygons, ordered by the first tile of each.

    `leaves` (k,) are the tiles in order, and `weights` (k,) their sizes in bytes. `members` (m,) are the
    numbers of the polygons in each tile, tile after tile. `leaf_ends` (k,) are the ends of the tiles in
    `members`.
    """
    used, first = np.unique(placed.feature, return_index=True)
    order = used[np.argsort(first, kind="stable")]
    numbers = np.zeros(len(features.rows), np.int64)
    numbers[order] = np.arange(len(order))
    members = numbers[placed.feature]
    leaves, begins = np.unique(placed.codes, return_index=True)
    wkb, wkb_ends = pack(shapely.to_wkb(features.geometries[order]).tolist())
    sizes = np.diff(wkb_ends, prepend=0) + _PER_POLYGON
    arrays = {
        "leaves": leaves,
        "weights": np.add.reduceat(sizes[members], begins),
        "leaf_ends": np.append(begins[1:], len(members)),
        "members": members,
        "wkb": wkb,
        "wkb_ends": wkb_ends,
        "centroids": features.centroids[order],
        "areas": features.areas[order],
        "rows": features.rows[order],
        "outside": outside[order],
    }
    for name, column in features.columns.items():
        arrays |= _stored(name, column[order])
    return arrays


def _common(one: np.dtype[Any], other: np.dtype[Any]) -> np.dtype[Any]:
    """Return a type that can store values of both types."""
    if "O" in (one.kind, other.kind):
        return np.dtype(object)
    return np.result_type(one, other)


def _stored(name: str, column: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
    """Return a column as arrays without objects. Values other than numbers and times become JSON."""
    if column.dtype.kind != "O":
        return {f"{COLUMN}{name}": column}
    known = [value if isinstance(value, str | int | float | None) else str(value) for value in column]
    texts, ends = pack([json.dumps(value).encode() for value in known])
    return {f"{TEXTS}{name}": texts, f"{ENDS}{name}": ends}
