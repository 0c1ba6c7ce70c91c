"""What one input file has for the map, between scattering and building: some polygons after the other.

Each part of it is a file of arrays, in which polygons lie in the order of their tiles (see `morton`): who
makes some tiles reads what is theirs and nothing else. Who has to know which tiles there are reads one array.
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
"""Names of the files of a directory."""
COLUMN, TEXTS, ENDS = "column ", "texts ", "ends "
"""What the names of columns' arrays begin with."""
_PER_POLYGON = 256
"""Bytes that a polygon takes in a tile besides its corners: a guess."""


class FeatureFile:
    """Writes the polygons of an input file to a directory of its own."""

    def __init__(self, directory: Path, grid: Grid, level: int) -> None:
        """Get ready; `level` is that of the tiles."""
        self._directory, self._grid, self._level = directory, grid, level
        self._parts = 0
        self._kinds: dict[str, np.dtype[Any]] = {}
        self._bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])

    def add(self, features: Features, outside: NDArray[np.bool_], placed: Placed | None = None) -> None:
        """Write some features; at least one.

        Args:
            features: The features to write.
            outside: A mask (n,) of those that lie outside the file's footprint.
            placed: Their tiles, or None for those that they are in.
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

    `leaves` (k,) are the tiles, in order, and `weights` (k,) the bytes in each. `members` (m,) are numbers of
    polygons, tile by tile; `leaf_ends` (k,) say where the part of each tile ends.
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
    """Return what values of both are stored as."""
    if "O" in (one.kind, other.kind):
        return np.dtype(object)
    return np.result_type(one, other)


def _stored(name: str, column: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
    """Return a column as arrays without objects; values other than numbers and times become JSON."""
    if column.dtype.kind != "O":
        return {f"{COLUMN}{name}": column}
    known = [value if isinstance(value, str | int | float | None) else str(value) for value in column]
    texts, ends = pack([json.dumps(value).encode() for value in known])
    return {f"{TEXTS}{name}": texts, f"{ENDS}{name}": ends}
