"""Geometries of files as valid polygons on the map, and what is odd about them.

Arrays stay as long as the rows that are looked at; None stands where there is no polygon, or no longer.
"""

from __future__ import annotations

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Grid
from ogdc_visualization.reprojection import reproject
from ogdc_visualization.staging.antimeridian import split_at_antimeridian
from ogdc_visualization.staging.findings import Findings

Geometries = NDArray[np.object_]

_POLYGON, _MULTIPOLYGON = 3, 6
_MERCATORS = frozenset({"EPSG:3857", "EPSG:3395"})
"""CRS that show the world from -180 to 180, and have no place for the poles."""
_MAX_LATITUDE = 89
"""What they are asked for at most, in degrees; their maps end at 85."""
_DEGREES = "OGC:CRS84"
_MAX_DEGREES = (540, 90 + 1e-6)
"""Of longitudes, which may go on beyond 180, and latitudes, which may be rounded."""


def select_polygons(geometries: Geometries, findings: Findings) -> Geometries:
    """Return polygons and multipolygons with x and y, None in the place of all else."""
    kinds = shapely.get_type_id(geometries)
    is_polygon = np.isin(kinds, (_POLYGON, _MULTIPOLYGON))
    for name, which in (
        ("have no geometry", (kinds == -1) | shapely.is_empty(geometries)),
        ("have a geometry other than a polygon", (kinds != -1) & ~is_polygon),
    ):
        findings.add(which, name)
    polygons = geometries.copy()
    polygons[~is_polygon | shapely.is_empty(geometries)] = None
    polygons = np.asarray(shapely.force_2d(polygons), object)
    _leave_out(polygons, ~_is_finite(polygons), "have coordinates that are not numbers", findings)
    return polygons


def leave_out_beyond_degrees(polygons: Geometries, crs: pyproj.CRS, findings: Findings) -> None:
    """Remove, in place, polygons with longitudes or latitudes out of range in a geographic CRS."""
    if not crs.is_geographic:
        return
    west, south, east, north = shapely.bounds(polygons).T
    is_beyond = (south < -_MAX_DEGREES[1]) | (north > _MAX_DEGREES[1])
    is_beyond |= (west < -_MAX_DEGREES[0]) | (east > _MAX_DEGREES[0])
    _leave_out(polygons, is_beyond, "have coordinates that are not longitude and latitude", findings)


def put_on_map(polygons: Geometries, crs: pyproj.CRS, config: VisualizationConfig, grid: Grid) -> Geometries:
    """Simplify, split at the antimeridian if the map ends there, and reproject.

    Invalid polygons are not repaired yet: in degrees, an edge over the antimeridian looks like one across the
    whole map.
    """
    target = pyproj.CRS(grid.crs)
    if _is_world(grid) and crs.is_geographic:
        polygons = split_at_antimeridian(polygons)
    if config.simplify_tolerance:
        polygons = shapely.simplify(polygons, config.simplify_tolerance)
    if _is_world(grid) and not crs.is_geographic and not crs.equals(target):
        polygons, crs = split_at_antimeridian(reproject(polygons, crs, _DEGREES)), pyproj.CRS(_DEGREES)
    if grid.crs in _MERCATORS and crs.is_geographic:
        polygons = _without_poles(polygons)
    return polygons if crs.equals(target, ignore_axis_order=True) else reproject(polygons, crs, target)


def leave_out_unusable(polygons: Geometries, grid: Grid, findings: Findings) -> None:
    """Repair invalid polygons in place, and remove those that cannot be shown."""
    _leave_out(polygons, ~_is_finite(polygons), "have no place in the map's CRS", findings)
    repair(polygons, findings)
    _leave_out(polygons, ~(shapely.area(polygons) > 0), "have no area", findings)
    (west, south, east, north), map_ = shapely.bounds(polygons).T, grid.extent
    is_beside = (east <= map_.west) | (west >= map_.east)
    is_beside |= (north <= map_.south) | (south >= map_.north)
    _leave_out(polygons, is_beside, "lie beyond the map", findings)


def repair(polygons: Geometries, findings: Findings) -> None:
    """Make invalid polygons valid, in place."""
    invalid = shapely.is_geometry(polygons) & ~shapely.is_valid(polygons)
    findings.add(invalid, "were repaired because of an invalid geometry")
    polygons[invalid] = shapely.make_valid(polygons[invalid], method="structure", keep_collapsed=False)


def centroids_of(polygons: Geometries, grid: Grid) -> NDArray[np.float64]:
    """Return centroids (n, 2); that of the larger part where a polygon lies at both edges of the world."""
    bounds = shapely.bounds(polygons)
    at_both = _is_world(grid) & (bounds[:, 2] - bounds[:, 0] > grid.columns * grid.side / 2)
    counted = polygons.copy()
    for index in np.flatnonzero(at_both):
        parts = shapely.get_parts(polygons[index])
        counted[index] = parts[np.argmax(shapely.area(parts))]
    return shapely.get_coordinates(shapely.centroid(counted))


def is_uncounted(centroids: NDArray[np.float64], grid: Grid) -> NDArray[np.bool_]:
    """Return which centroids (n, 2) are in no cell of the map; see `tiles.counting_tiles`."""
    (x, y), map_ = centroids.T, grid.extent
    return np.asarray((x <= map_.west) | (x > map_.east) | (y < map_.south) | (y >= map_.north))


def _is_world(grid: Grid) -> bool:
    """Whether a map has all longitudes side by side, so that it ends at the antimeridian."""
    return grid.crs in _MERCATORS or bool(pyproj.CRS(grid.crs).is_geographic)


def _without_poles(polygons: Geometries) -> Geometries:
    """Cut off, from polygons in degrees, what Mercator has no place for."""
    bounds = shapely.bounds(polygons)
    reach = (bounds[:, 1] < -_MAX_LATITUDE) | (bounds[:, 3] > _MAX_LATITUDE)
    band = shapely.box(-180, -_MAX_LATITUDE, 180, _MAX_LATITUDE)
    cut = polygons.copy()
    cut[reach] = shapely.intersection(shapely.make_valid(polygons[reach], method="structure"), band)
    return cut


def _is_finite(polygons: Geometries) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(shapely.bounds(polygons)).all(axis=1))


def _leave_out(polygons: Geometries, which: NDArray[np.bool_], words: str, findings: Findings) -> None:
    """Set the selected polygons to None, in place, and record why (`words`)."""
    findings.add(which & shapely.is_geometry(polygons), words)
    polygons[which] = None
