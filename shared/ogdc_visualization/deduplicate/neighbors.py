"""Polygons of different files that lie on each other."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from ogdc_shared.visualization.config import VisualizationConfig

Indices = NDArray[np.int64]


class Candidates(NamedTuple):
    """Polygons of several files.

    Attributes:
        geometries: Valid polygons (n,), in `crs`.
        centroids: Planar (n, 2), in units of the CRS.
        files: The number of each one's file (n,).
        places: Which is better (n,): the smaller.
    """

    geometries: NDArray[np.object_]
    centroids: NDArray[np.float64]
    files: Indices
    places: Indices
    crs: str


def worse_neighbors(candidates: Candidates, config: VisualizationConfig) -> NDArray[np.bool_]:
    """Return a mask (n,) of the polygons that are duplicates of better ones in another file.

    Files are compared in pairs, in the order of their numbers; a polygon that was found to be a duplicate is
    not compared with further files.
    """
    duplicated = np.zeros(len(candidates.files), bool)
    for one, other in combinations(np.unique(candidates.files).tolist(), 2):
        left = np.flatnonzero((candidates.files == one) & ~duplicated)
        right = np.flatnonzero((candidates.files == other) & ~duplicated)
        a, b = _same(candidates, left, right, config)
        duplicated[np.where(candidates.places[a] > candidates.places[b], a, b)] = True
    return duplicated


def like_pairs(candidates: Candidates, config: VisualizationConfig) -> tuple[Indices, Indices]:
    """Return all pairs of polygons of different files that are one thing."""
    pairs = []
    for one, other in combinations(np.unique(candidates.files).tolist(), 2):
        left, right = (np.flatnonzero(candidates.files == file) for file in (one, other))
        pairs.append(_same(candidates, left, right, config))
    a, b = zip(*pairs, strict=True) if pairs else ((), ())
    none = np.empty(0, np.int64)
    return np.concatenate((none, *a)), np.concatenate((none, *b))


def _same(
    candidates: Candidates, left: Indices, right: Indices, config: VisualizationConfig
) -> tuple[Indices, Indices]:
    """Return the pairs of polygons of two files that are one thing."""
    geometries = candidates.geometries
    found = shapely.STRtree(geometries[right]).query(geometries[left], predicate="intersects")
    a, b = left[found[0]], right[found[1]]
    shared = shapely.area(shapely.intersection(geometries[a], geometries[b]))
    same = shared > 0
    if (least := config.deduplicate_overlap_tolerance) is not None:
        much = [shared / shapely.area(geometries[each]) > least for each in (a, b)]
        same &= much[0] & much[1] if config.deduplicate_overlap_both else much[0] | much[1]
    if (most := config.deduplicate_centroid_tolerance) is not None:
        points = _projected(candidates, config.deduplicate_distance_crs)
        same &= np.hypot(*(points[a] - points[b]).T) <= most
    return a[same], b[same]


def _projected(candidates: Candidates, crs: str | None) -> NDArray[np.float64]:
    """Return the centroids (n, 2) in the CRS that distances are measured in."""
    if crs is None:
        return candidates.centroids
    transformer = pyproj.Transformer.from_crs(candidates.crs, crs, always_xy=True)
    return np.column_stack(transformer.transform(*candidates.centroids.T))
