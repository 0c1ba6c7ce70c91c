"""Staged tiles: one GeoPackage for each tile of the highest level that polygons are in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyogrio.raw
import shapely
from numpy.typing import NDArray

from ogdc_visualization.grid import Grid, Tile

_INDEXED = 1000
"""Tiles with this many polygons get a spatial index, a third of the time to write a small tile."""


def write_geopackage(
    path: Path, geometries: NDArray[np.object_], columns: Mapping[str, NDArray[Any]], tile: Tile, grid: Grid
) -> None:
    """Write the polygons of a tile, whole ones, with their columns; the layer is called as the tile's row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    # Each file says when it was written; the same data shall be the same bytes. What a killed task has left
    # is made anew, so nothing has to wait for the disk.
    pyogrio.set_gdal_config_options(
        {
            "OGR_CURRENT_DATE": "2000-01-01T00:00:00.000Z",
            "OGR_SQLITE_JOURNAL": "MEMORY",
            "OGR_SQLITE_SYNCHRONOUS": "OFF",
        }
    )
    kinds = set(shapely.get_type_id(geometries).tolist())
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(geometries),
        field_data=[_writable(column) for column in columns.values()],
        fields=list(columns),
        layer=str(tile.y),
        driver="GPKG",
        geometry_type={(3,): "Polygon", (6,): "MultiPolygon"}.get(tuple(kinds), "Unknown"),
        crs=grid.crs,
        SPATIAL_INDEX="YES" if len(geometries) >= _INDEXED else "NO",
        GEOMETRY_NAME=_free("geom", columns),
        FID=_free("fid", columns),
    )


def _free(name: str, columns: Mapping[str, NDArray[Any]]) -> str:
    """Return a name for a column of the format's own; no attribute may have it, in whatever case."""
    taken = {each.casefold() for each in columns}
    while name in taken:
        name += "_"
    return name


def _writable(column: NDArray[Any]) -> NDArray[Any]:
    return column if column.dtype.kind in "iufbOM" else column.astype(object)
