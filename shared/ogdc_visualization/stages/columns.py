"""Columns of staged polygons: those of their files, and those that staging adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Grid, Tile
from ogdc_visualization.staging.features import Features
from ogdc_visualization.staging.tiles import tiles_of_points

Columns = Mapping[str, NDArray[Any]]


def added_columns(
    found: Sequence[Features], config: VisualizationConfig, grid: Grid
) -> dict[str, NDArray[Any]]:
    """Return what staging adds to polygons of some files, file after file, whatever tile they are in."""
    centroids = np.concatenate([features.centroids for features in found])
    x, y = tiles_of_points(centroids, grid, config.max_level)
    tiles = [str(Tile(a, b, config.max_level)) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    return {
        config.prop_area: np.concatenate([features.areas for features in found]),
        config.prop_centroid_x: centroids[:, 0],
        config.prop_centroid_y: centroids[:, 1],
        config.prop_filename: np.array([f.filename for f in found for _ in f.rows], object),
        config.prop_identifier: np.concatenate([features.identifiers for features in found]),
        config.prop_centroid_tile: np.array(tiles, object),
    }


def join_all(tables: Sequence[Columns], lengths: Sequence[int]) -> dict[str, NDArray[Any]]:
    """Put tables, one at least, below each other; they have `lengths` rows."""
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: join([table.get(name) for table in tables], lengths) for name in names}


def join(parts: Sequence[NDArray[Any] | None], lengths: Sequence[int]) -> NDArray[Any]:
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
