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
from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Grid
from ogdc_visualization.reprojection import reproject
from ogdc_visualization.staging.antimeridian import split_at_antimeridian
from ogdc_visualization.staging.findings import Findings, Warn
from ogdc_visualization.staging.rows import Rows, read_rows

_POLYGON, _MULTIPOLYGON = 3, 6
_WORLDS = frozenset({"EPSG:4326", "OGC:CRS84", "EPSG:3857", "EPSG:3395"})
"""CRS whose grids show all longitudes side by side, and end at the antimeridian."""
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
    """Read the polygons of a file, some tens of thousands at once, those without any left out.

    What is no polygon, or has no place on the map, is left out and told of with its row; invalid polygons are
    made valid, and those across the antimeridian are split there.

    Raises:
        InputError: it cannot be read, has no CRS, or a column of statistics is missing or is no number.
    """
    findings = Findings()
    read = shown = 0
    for rows in read_rows(path, filename):
        check_columns(rows.columns, filename, config)
        _check_unstaged(rows.columns, filename, config)
        if len(rows.wkb):
            crs = _crs_of(rows.crs, config, filename)
            features = _features(rows, read, crs, filename, config, grid, findings)
            read, shown = read + len(rows.wkb), shown + len(features.rows)
            if len(features.rows):
                yield features
    findings.tell(filename, warn)
    if rows.crs and config.input_crs and not pyproj.CRS(rows.crs).equals(config.input_crs):
        warn(f"{filename} is in {_crs_name(rows.crs)}, as it says; input_crs is for files that say nothing")
    if not shown:
        warn(f"{filename} holds no polygon that can be shown" if read else f"{filename} holds no polygon")


def _features(  # noqa: PLR0917  one place calls it
    rows: Rows,
    first: int,
    crs: pyproj.CRS,
    filename: str,
    config: VisualizationConfig,
    grid: Grid,
    findings: Findings,
) -> Features:
    """Return those of some rows, of which the first has this number, that can be shown."""
    findings.first = first
    geometries = shapely.from_wkb(rows.wkb, on_invalid="ignore")
    geometries = _on_the_map(make_polygons(geometries, findings), crs, config, grid)
    usable = np.flatnonzero(_usable(geometries, findings))
    kept = geometries[usable]
    return Features(
        kept,
        {name: column[usable] for name, column in rows.columns.items()},
        _centroids(kept, grid),
        shapely.area(kept),
        usable + first,
        filename,
    )


def check_columns(columns: Mapping[str, NDArray[Any]], filename: str, config: VisualizationConfig) -> None:
    """Make sure that a file has the columns that statistics are of.

    Raises:
        InputError: it has not, or one holds no numbers.
    """
    for name in sorted(config.columns):
        if name not in columns:
            there = ", ".join(columns) or "none"
            raise InputError(f"{filename} has no column {name!r}, which statistics are of; it has: {there}.")
        if columns[name].dtype.kind not in "iufb":
            raise InputError(f"{filename}: column {name!r} holds no numbers.")


def _check_unstaged(columns: Mapping[str, NDArray[Any]], filename: str, config: VisualizationConfig) -> None:
    for name in sorted(config.compared_columns - columns.keys()):
        there = ", ".join(columns) or "none"
        raise InputError(
            f"{filename} has no column {name!r}, which deduplicate_keep_rules name; it has: {there}."
        )
    reserved = {getattr(config, key).lower() for key in config.__struct_fields__ if key.startswith("prop_")}
    for name in columns:
        if name.lower() in reserved:
            raise InputError(f"{filename}: column {name!r} has the name of one that staging adds; rename it.")


def _crs_of(found: str | None, config: VisualizationConfig, filename: str) -> pyproj.CRS:
    """What the file says, else what the configuration says of files that say nothing."""
    crs = found or config.input_crs
    if crs is None:
        raise InputError(f"{filename} does not say its CRS; give input_crs in the configuration.")
    return pyproj.CRS.from_user_input(crs)


def _crs_name(crs: str) -> str:
    found = pyproj.CRS(crs)
    authority = found.to_authority()
    return ":".join(authority) if authority else found.name


def make_polygons(geometries: NDArray[np.object_], findings: Findings) -> NDArray[np.object_]:
    """Leave None where there is no polygon, and make valid what is not."""
    kinds = shapely.get_type_id(geometries)
    is_polygon = np.isin(kinds, (_POLYGON, _MULTIPOLYGON))
    for name, which in (
        ("have no geometry", (kinds == -1) | shapely.is_empty(geometries)),
        ("are no polygons", (kinds != -1) & ~is_polygon),
    ):
        findings.add(which, name)
    polygons = geometries.copy()
    polygons[~is_polygon | shapely.is_empty(geometries)] = None
    finite = np.isfinite(shapely.bounds(polygons)).all(axis=1)
    findings.add(shapely.is_geometry(polygons) & ~finite, "have coordinates that are no numbers")
    polygons = np.asarray(shapely.force_2d(polygons), object)
    polygons[~finite] = None
    invalid = shapely.is_geometry(polygons) & ~shapely.is_valid(polygons)
    findings.add(invalid, "were invalid and are repaired")
    polygons[invalid] = shapely.make_valid(polygons[invalid], method="structure", keep_collapsed=False)
    return polygons


def _on_the_map(
    polygons: NDArray[np.object_], crs: pyproj.CRS, config: VisualizationConfig, grid: Grid
) -> NDArray[np.object_]:
    """Simplify, split at the antimeridian and reproject polygons (n,), None among them."""
    if config.simplify_tolerance:
        polygons = shapely.simplify(polygons, config.simplify_tolerance)
    target = pyproj.CRS(grid.crs)
    if crs.is_geographic:
        polygons = split_at_antimeridian(polygons)
    if not crs.equals(target, ignore_axis_order=True):
        polygons = reproject(polygons, crs, target)
        if target.is_geographic:
            polygons = split_at_antimeridian(polygons)
    return polygons


def _usable(polygons: NDArray[np.object_], findings: Findings) -> NDArray[np.bool_]:
    there = shapely.is_geometry(polygons)
    known = np.isfinite(shapely.bounds(polygons)).all(axis=1) & (shapely.area(polygons) > 0)
    findings.add(there & ~known, "have no area, or no place in the map's CRS")
    return np.asarray(there & known)


def _centroids(geometries: NDArray[np.object_], grid: Grid) -> NDArray[np.float64]:
    """Return centroids (n, 2); that of the larger part where a polygon lies at both edges of the world."""
    bounds = shapely.bounds(geometries)
    at_both = (grid.crs in _WORLDS) & (bounds[:, 2] - bounds[:, 0] > grid.columns * grid.side / 2)
    counted = geometries.copy()
    for index in np.flatnonzero(at_both):
        parts = shapely.get_parts(geometries[index])
        counted[index] = parts[np.argmax(shapely.area(parts))]
    return shapely.get_coordinates(shapely.centroid(counted))
