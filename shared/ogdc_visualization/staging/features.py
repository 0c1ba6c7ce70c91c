"""Polygons with their attributes, and how they are read from a file."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from ogdc_shared.errors import InputError
from ogdc_shared.several import several
from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Grid
from ogdc_visualization.staging.findings import Findings, Warn
from ogdc_visualization.staging.polygons import (
    centroids_of,
    is_uncounted,
    leave_out_beyond_degrees,
    leave_out_unusable,
    put_on_map,
    select_polygons,
)
from ogdc_visualization.staging.rows import Rows, list_layers, read_rows

_ANY_CRS = "EPSG:4326"
_NAMESPACE = uuid.UUID("5f0d6c0e-2f1c-5d0e-9d53-8a1a3f6a7f11")


class Features(NamedTuple):
    """Polygons in the CRS of the grid.

    Attributes:
        geometries: Valid polygons and multipolygons (n,).
        columns: Their attributes (name → n values), those of the file first.
        centroids: Planar (n, 2), in units of the CRS.
        areas: Planar (n,), in units of the CRS squared.
        rows: The number of each in its file (n,), from 0.
        filename: Below the directory of inputs.
    """

    geometries: NDArray[np.object_]
    columns: Mapping[str, NDArray[Any]]
    centroids: NDArray[np.float64]
    areas: NDArray[np.float64]
    rows: NDArray[np.int64]
    filename: str

    @property
    def identifiers(self) -> NDArray[np.object_]:
        """A UUID for each (n,), the same whenever the same file is read."""
        names = (f"{self.filename}#{row}" for row in self.rows.tolist())
        return np.array([_uuid5(name) for name in names], object)


def _uuid5(name: str) -> str:
    """As `uuid.uuid5`, in a third of the time. Source: RFC 9562, section 5.5."""
    found = bytearray(hashlib.sha1(_NAMESPACE.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    found[6] = found[6] & 0x0F | 0x50
    found[8] = found[8] & 0x3F | 0x80
    text = found.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def read_features(
    path: Path, filename: str, config: VisualizationConfig, grid: Grid, warn: Warn
) -> Iterator[Features]:
    """Yield the polygons of a file, some tens of thousands at once; empty batches are skipped.

    Rows that are not polygons, or have no place on the map, are skipped with a warning that names the row;
    invalid polygons are repaired, and those across the antimeridian are split there.

    Raises:
        InputError: the file cannot be read, has no CRS, or a column for statistics is missing or not numeric.
    """
    findings = Findings()
    read = shown = 0
    for rows in read_rows(path, filename):
        check_columns(rows.columns, filename, config)
        _check_unstaged(rows.columns, filename, config)
        if len(rows.wkb):
            crs = _crs_of(rows.crs, config, filename)
            features = _features(
                rows, filename, first=read, crs=crs, config=config, grid=grid, findings=findings
            )
            read, shown = read + len(rows.wkb), shown + len(features.rows)
            if len(features.rows):
                yield features
    findings.tell(filename, warn)
    first, *others = list_layers(path)
    if others:
        warn(f"{filename} has layers of which the first, {first!r}, is read, and not {several(others)}")
    if rows.crs and config.input_crs and not pyproj.CRS(rows.crs).equals(config.input_crs):
        warn(f"{filename} is in {_crs_name(rows.crs)}, as it says; input_crs is for files that say nothing")
    if not shown:
        warn(f"{filename} holds no polygon that can be shown" if read else f"{filename} holds no polygon")


def _features(
    rows: Rows,
    filename: str,
    *,
    first: int,
    crs: pyproj.CRS,
    config: VisualizationConfig,
    grid: Grid,
    findings: Findings,
) -> Features:
    """Return the usable polygons among some rows; `first` is the number of the first row in the file."""
    findings.first = first
    geometries = shapely.from_wkb(rows.wkb, on_invalid="ignore")
    geometries = select_polygons(geometries, findings)
    leave_out_beyond_degrees(geometries, crs, findings)
    geometries = put_on_map(geometries, crs, config, grid)
    leave_out_unusable(geometries, grid, findings)
    usable = np.flatnonzero(shapely.is_geometry(geometries))
    kept = geometries[usable]
    centroids = centroids_of(kept, grid)
    findings.add_some(
        usable, is_uncounted(centroids, grid), "have their middle beyond the map: none counts them"
    )
    for name in sorted(config.columns):
        missing = ~np.isfinite(rows.columns[name][usable].astype(np.float64))
        findings.add_some(usable, missing, f"have no number for the statistics of {name!r}")
    return Features(
        kept,
        {name: column[usable] for name, column in rows.columns.items()},
        centroids,
        shapely.area(kept),
        usable + first,
        filename,
    )


def check_columns(columns: Mapping[str, NDArray[Any]], filename: str, config: VisualizationConfig) -> None:
    """Check that a file has the columns needed for statistics.

    Raises:
        InputError: a column is missing or not numeric.
    """
    for name in sorted(config.columns):
        if name not in columns:
            there = ", ".join(columns) or "none"
            raise InputError(f"{filename} has no column {name!r}, which statistics use; it has: {there}.")
        if columns[name].dtype.kind not in "iufb":
            raise InputError(f"{filename}: column {name!r} is not numeric.")


def _check_unstaged(columns: Mapping[str, NDArray[Any]], filename: str, config: VisualizationConfig) -> None:
    for name in sorted(config.compared_columns - columns.keys()):
        there = ", ".join(columns) or "none"
        raise InputError(
            f"{filename} has no column {name!r}, which deduplicate_keep_rules uses; it has: {there}."
        )
    reserved = {getattr(config, key).lower() for key in config.__struct_fields__ if key.startswith("prop_")}
    for name in columns:
        if name.lower() in reserved:
            raise InputError(f"{filename}: column {name!r} has the name of one that staging adds; rename it.")


def check_crs(config: VisualizationConfig) -> None:
    """Check that the CRSs of a configuration are valid.

    Raises:
        InputError: one is not; the message names its key.
    """
    for key in ("input_crs", "deduplicate_distance_crs"):
        try:
            pyproj.CRS.from_user_input(getattr(config, key) or _ANY_CRS)
        except pyproj.exceptions.CRSError as exc:
            raise InputError(
                f"The configuration's {key}: {getattr(config, key)!r} is not a CRS ({exc})."
            ) from exc


def _crs_of(found: str | None, config: VisualizationConfig, filename: str) -> pyproj.CRS:
    """What the file says, else what the configuration says of files that say nothing."""
    crs = found or config.input_crs
    if crs is None:
        raise InputError(f"{filename} has no CRS; give input_crs in the configuration.")
    return pyproj.CRS.from_user_input(crs)


def _crs_name(crs: str) -> str:
    found = pyproj.CRS(crs)
    authority = found.to_authority()
    return ":".join(authority) if authority else found.name
