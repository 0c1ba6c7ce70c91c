"""Geometries in another CRS."""

from __future__ import annotations

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray


def reproject(
    geometries: NDArray[np.object_], source: str | pyproj.CRS, target: str | pyproj.CRS
) -> NDArray[np.object_]:
    """Return geometries (n,) of one CRS in another; x is easting or longitude in both. None stays None."""
    transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)
    # What the types do not know: without `interleaved` it is called with x and y.
    moved = shapely.transform(geometries, transformer.transform, interleaved=False)  # type: ignore[arg-type]
    return np.asarray(moved, object)
