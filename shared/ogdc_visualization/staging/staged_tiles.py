"""Tiles that are staged already: polygons with the columns that staging adds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from ogdc_shared.errors import InputError
from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Grid
from ogdc_visualization.morton import encode
from ogdc_visualization.staging.features import Features, check_columns
from ogdc_visualization.staging.findings import Findings, Warn
from ogdc_visualization.staging.polygons import repair, select_polygons
from ogdc_visualization.staging.rows import Rows, read_rows
from ogdc_visualization.staging.tiles import Placed

_TILE = re.compile(r"Tile\(x=(\d+), y=(\d+), z=(\d+)\)")


class StagedFeatures(NamedTuple):
    """Polygons, and the one tile that each is staged for."""

    features: Features
    placed: Placed


def read_staged_tiles(
    path: Path, filename: str, config: VisualizationConfig, grid: Grid, warn: Warn
) -> Iterator[StagedFeatures]:
    """Read the polygons of a file of staged tiles, some tens of thousands at once.

    What staging found of them stays: their centroids, areas and identifiers, and which are duplicates.

    Raises:
        InputError: it cannot be read, is staged for another grid or level, or lacks a column.
    """
    findings = Findings()
    read = 0
    for rows in read_rows(path, filename):
        _check(rows, filename, config, grid)
        findings.first = read
        geometries = select_polygons(shapely.from_wkb(rows.wkb, on_invalid="ignore"), findings)
        repair(geometries, findings)
        used = np.flatnonzero(shapely.is_geometry(geometries))
        if len(used):
            yield _staged(rows, geometries, used, first=read, filename=filename, config=config)
        read += len(rows.wkb)
    findings.tell(filename, warn)


def _staged(
    rows: Rows,
    geometries: NDArray[np.object_],
    used: NDArray[np.int64],
    *,
    first: int,
    filename: str,
    config: VisualizationConfig,
) -> StagedFeatures:
    columns = {name: column[used] for name, column in rows.columns.items()}
    centroids = np.column_stack((columns[config.prop_centroid_x], columns[config.prop_centroid_y]))
    areas = columns[config.prop_area].astype(np.float64)
    features = Features(geometries[used], columns, centroids, areas, used + first, filename)
    codes = _codes(columns[config.prop_tile], filename, config)
    order = np.argsort(codes, kind="stable")
    return StagedFeatures(features, Placed(order, codes[order]))


def _check(rows: Rows, filename: str, config: VisualizationConfig, grid: Grid) -> None:
    check_columns(rows.columns, filename, config)
    added = {getattr(config, key) for key in config.__struct_fields__ if key.startswith("prop_")}
    missing = sorted(added - {config.prop_duplicated} - rows.columns.keys())
    if missing:
        raise InputError(
            f"{filename} has no column {missing[0]!r}, so it is not a staged tile (enable_stager)."
        )
    crs = pyproj.CRS.from_user_input(rows.crs) if rows.crs else None
    if crs is None or not crs.equals(grid.crs, ignore_axis_order=True):
        found = rows.crs or "no CRS"
        raise InputError(f"{filename} has the CRS {found}, but tiles of {config.tms_id} have {grid.crs}.")


def _codes(tiles: NDArray[np.object_], filename: str, config: VisualizationConfig) -> NDArray[np.int64]:
    """Return the tiles (n,), see `morton`, by what they are called."""
    names, which = np.unique(tiles.astype(str), return_inverse=True)
    found = [_TILE.fullmatch(name) for name in names]
    for name, match in zip(names, found, strict=True):
        if match is None or int(match[3]) != config.max_level:
            raise InputError(f"{filename}: {str(name)!r} is not a tile of level {config.max_level}.")
    x, y = (np.array([int(match[part]) for match in found if match], np.int64) for part in (1, 2))
    return encode(x, y)[which]
