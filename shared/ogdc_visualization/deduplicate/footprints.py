"""Footprints: what each file covers, so that where two overlap the polygons of one of them are kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from ogdc_shared.errors import InputError
from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.deduplicate.rules import preference
from ogdc_visualization.reprojection import reproject


class Footprint(NamedTuple):
    """What a file covers, in the CRS of the grid, and the properties that the rules are of."""

    area: shapely.Geometry
    properties: dict[str, Any]


def read_footprint(directory: Path, filename: str, config: VisualizationConfig, crs: str) -> Footprint | None:
    """Read the footprint of an input file; return None if it has none.

    Raises:
        InputError: it cannot be read, or lacks a property that the rules need.
    """
    import pyogrio.raw  # only tasks of the first stage read files

    path = (directory / filename).with_suffix(config.ext_footprints)
    if not path.is_file():
        return None
    try:
        meta, _, wkb, values = pyogrio.raw.read(path)
    except pyogrio.errors.DataSourceError as exc:
        raise InputError(f"The footprint {path.name} cannot be read: {exc}") from exc
    columns = dict(zip(meta["fields"], values, strict=True))
    for name, _ in config.deduplicate_keep_rules:
        if name not in columns:
            raise InputError(
                f"The footprint {path.name} has no column {name!r}; it has: {', '.join(columns)}."
            )
    if wkb is None or not len(wkb) or not meta["crs"]:
        raise InputError(f"The footprint {path.name} has no polygon or no CRS.")
    area = reproject(shapely.from_wkb(wkb), meta["crs"], crs)
    first = {name: columns[name][:1].tolist()[0] for name, _ in config.deduplicate_keep_rules}
    return Footprint(shapely.union_all(area), first)


def outside(
    geometries: NDArray[np.object_], footprint: Footprint | None, config: VisualizationConfig
) -> NDArray[np.bool_]:
    """Return a mask (n,) of the polygons of a file that do not lie within its footprint."""
    if footprint is None or not config.deduplicate_clip_to_footprint:
        return np.zeros(len(geometries), bool)
    return ~np.asarray(getattr(shapely, config.deduplicate_clip_method)(geometries, footprint.area))


def overlapping(
    geometries: NDArray[np.object_],
    files: NDArray[np.int64],
    footprints: Sequence[Footprint | None],
    config: VisualizationConfig,
) -> NDArray[np.bool_]:
    """Return which polygons (n,) lie where a better file has a footprint too.

    `files` (n,) are the numbers of their files among `footprints`.
    """
    here = shapely.box(*shapely.total_bounds(geometries))
    covered = {
        number: footprint
        for number, footprint in enumerate(footprints)
        if footprint is not None and shapely.intersects(footprint.area, here)
    }
    known = list(covered)
    columns = {
        name: np.array([covered[number].properties[name] for number in known], object)
        for name, _ in config.deduplicate_keep_rules
    }
    places = dict(zip(known, preference(columns, config.deduplicate_keep_rules).tolist(), strict=True))
    duplicated = np.zeros(len(geometries), bool)
    for one, other in combinations(known, 2):
        overlap = shapely.intersection(covered[one].area, covered[other].area)
        own = np.flatnonzero(files == (one if places[one] > places[other] else other))
        duplicated[own] |= shapely.intersects(geometries[own], overlap)
    return duplicated
