"""Tables of what was made: a row for each file and tile, a row for each band of each raster."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

STAGING = (
    *("filename", "num_polygons", "area_polygons", "datetime", "tile_x", "tile_y", "tile_z"),
    *("tile_top", "tile_right", "tile_bottom", "tile_left", "tms_identifier"),
)
RASTERS = ("stat", "bounds", "min", "max", "mean", "median", "std", "var", "sum", "path", "tile", "z")

EVENTS = (
    *("id", "type", "start_time", "total_time", "end_time", "error", "path", "raster_summary", "tile", "z"),
)


def write_table(path: Path, columns: tuple[str, ...], rows: Iterable[Mapping[str, object]]) -> None:
    """Write a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def summarize(band: NDArray[np.float64]) -> dict[str, float]:
    """Return what the cells (rows, columns) of a band are like."""
    found = {name: float(getattr(np, name)(band)) for name in ("min", "max", "mean", "median", "var", "sum")}
    return found | {"std": math.sqrt(found["var"])}
