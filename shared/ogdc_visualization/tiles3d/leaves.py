"""Leaves: the polygons of one tile of the highest level as one file of 3D Tiles."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyproj
from numpy.typing import NDArray

from ogdc_visualization.tiles3d.b3dm import encode_b3dm
from ogdc_visualization.tiles3d.ellipsoid import to_ecef
from ogdc_visualization.tiles3d.gltf import LocalMesh
from ogdc_visualization.tiles3d.metadata import encode_glb
from ogdc_visualization.tiles3d.regions import region_of_mesh
from ogdc_visualization.tiles3d.tileset import Extent
from ogdc_visualization.tiles3d.triangles import Mesh, triangulate
from ogdc_visualization.units import metres_per_unit

_MAX_METRES = 40_000
_MAX_DEGREES = 0.4
"""The size of pieces: a triangle is 100 m at most below the ellipsoid that its corners lie on."""

ENCODERS = {".b3dm": encode_b3dm, ".glb": encode_glb}
"""What writes a leaf, by the ending of its name."""


class Leaf(NamedTuple):
    """A leaf's file as bytes, and an extent that contains its polygons."""

    content: bytes
    extent: Extent


def build_leaf(
    geometries: NDArray[np.object_],
    columns: Mapping[str, NDArray[Any]],
    *,
    crs: str,
    height: float,
    extension: str,
) -> Leaf | None:
    """Return the leaf of valid polygons and multipolygons, or None if they have no area.

    Args:
        geometries: Whole polygons, of this CRS.
        columns: Attributes (name → one value for each polygon); one at least.
        crs: What `geometries` are in, `EPSG:4326` say; x is easting or longitude.
        height: Of all points above the ellipsoid of WGS84, in metres.
        extension: `.b3dm` or `.glb`.
    """
    mesh = triangulate(geometries, max_size=max_size(crs))
    if not len(mesh.triangles):
        return None
    local = local_mesh(mesh, crs=crs, height=height)
    region = region_of_mesh(local.origin + local.positions, mesh.triangles)
    extent = Extent(region, longest_feature(local.positions, mesh.features))
    return Leaf(ENCODERS[extension](local, columns, length=len(geometries)), extent)


def longest_feature(positions: NDArray[np.floating], features: NDArray[np.integer]) -> float:
    """Return the diagonal of the largest box around the points (n, 3) of a feature, in their unit.

    Args:
        positions: The points, one at least.
        features: Which feature each is of (n,).
    """
    order = np.argsort(features, kind="stable")
    points = positions[order].astype(np.float64)
    start = np.flatnonzero(np.append(True, np.diff(features[order]) != 0))
    diagonals = np.maximum.reduceat(points, start) - np.minimum.reduceat(points, start)
    return float(np.linalg.norm(diagonals, axis=1).max())


def local_mesh(mesh: Mesh, *, crs: str, height: float) -> LocalMesh:
    """Return the mesh on the ellipsoid, at a height in metres, in 32-bit floats around its middle."""
    lon, lat = _to_degrees(crs, mesh.points)
    positions = to_ecef(lon, lat, height)
    origin = np.round((positions.min(axis=0) + positions.max(axis=0)) / 2)
    return LocalMesh(
        origin,
        (positions - origin).astype(np.float32),
        mesh.triangles.astype(np.uint32),
        mesh.features.astype(np.float32),
    )


@lru_cache
def max_size(crs: str) -> float:
    """Return how large, in the units of a CRS, polygons may be before they are cut."""
    return _MAX_DEGREES if pyproj.CRS(crs).is_geographic else _MAX_METRES / metres_per_unit(crs)


def _to_degrees(crs: str, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitudes and latitudes of WGS84, in degrees, of points (n, 2)."""
    transformer = _transformer(crs)
    return (
        (points[:, 0], points[:, 1])
        if transformer is None
        else transformer.transform(points[:, 0], points[:, 1])
    )


@lru_cache
def _transformer(crs: str) -> pyproj.Transformer | None:
    """Return the transformer from a CRS to degrees of WGS84, or None if the CRS is that already."""
    if pyproj.CRS(crs).equals("OGC:CRS84", ignore_axis_order=True):
        return None
    return pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
