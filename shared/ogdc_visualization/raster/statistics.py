"""Statistics of polygons on the cells of a tile, one band each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from ogdc_shared.visualization.config import Statistic
from ogdc_visualization.raster.cells import Cells, Pieces, cells_of_points, cut

Values = NDArray[np.float64]


def rasterize(
    geometries: NDArray[np.object_],
    centroids: Values,
    counted: NDArray[np.bool_],
    *,
    columns: Mapping[str, Values],
    statistics: Sequence[Statistic],
    cells: Cells,
) -> Values:
    """Return the bands (statistics, rows, columns) of a tile; a cell without a polygon has 0.

    Args:
        geometries: Valid polygons (n,), whole, in the CRS of the cells.
        centroids: Their middles (n, 2).
        counted: Which are counted in this tile (n,): each polygon in one tile alone, whatever is rounded off.
        columns: The attributes that the statistics are of (n,); a NaN is no value.
        statistics: What the bands are. Those weighted by count have each polygon once, in the cell of its
            centroid; those by area have it in each cell that it covers some of.
        cells: Of the tile.
    """
    by_area = any(each.weight_by == "area" for each in statistics)
    pieces = cut(geometries, cells) if by_area else None
    feature = np.flatnonzero(counted)
    points = Pieces(feature, cells_of_points(centroids[feature], cells), np.ones(len(feature)))
    bands = []
    for statistic in statistics:
        used = points if pieces is None or statistic.weight_by == "count" else pieces
        values = _values(statistic, used, columns, cells)
        bands.append(aggregate(values, used.cell, statistic.aggregation_method, cells.rows * cells.columns))
    return np.stack(bands).reshape(len(statistics), cells.rows, cells.columns)


def centroids_of(geometries: NDArray[np.object_]) -> Values:
    """Return the planar centroids (n, 2) of polygons, in units of their CRS."""
    return shapely.get_coordinates(shapely.centroid(geometries))


def _values(statistic: Statistic, pieces: Pieces, columns: Mapping[str, Values], cells: Cells) -> Values:
    if statistic.column is not None:
        return columns[statistic.column][pieces.feature]
    if statistic.property == "area_within_pixel":
        return pieces.share * cells.width * cells.height
    return pieces.share


def aggregate(values: Values, cell: NDArray[np.int64], method: str, size: int) -> Values:
    """Return the aggregate of the values in each of `size` cells, as pandas computes it; 0 instead of NaN.

    NaN values are ignored. The values of a cell are used in the order given. An overflow becomes infinity.
    """
    known = ~np.isnan(values)
    values, cell = values[known], cell[known]
    result = np.zeros(size)
    if len(values):
        order = np.argsort(cell, kind="stable")
        values, cell = values[order], cell[order]
        start = np.flatnonzero(np.append(True, cell[1:] != cell[:-1]))
        with np.errstate(over="ignore"):  # reported where tiles are written
            found = _METHODS[method](values, start)
        result[cell[start]] = np.where(np.isnan(found), 0, found)
    return result


def _counts(values: Values, start: NDArray[np.int64]) -> Values:
    return np.diff(np.append(start, len(values))).astype(np.float64)


def _mean(values: Values, start: NDArray[np.int64]) -> Values:
    return np.add.reduceat(values, start) / _counts(values, start)


def _variance(values: Values, start: NDArray[np.int64]) -> Values:
    """Return the sample variance (divided by one less than the count); NaN for a single value."""
    counts = _counts(values, start)
    deviations = values - np.repeat(_mean(values, start), counts.astype(np.int64))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.add.reduceat(deviations**2, start) / np.where(counts > 1, counts - 1, np.nan)


def _sorted(values: Values, start: NDArray[np.int64]) -> Values:
    """The values of each cell, in order of size."""
    counts = _counts(values, start).astype(np.int64)
    return values[np.lexsort((values, np.repeat(np.arange(len(start)), counts)))]


def _median(values: Values, start: NDArray[np.int64]) -> Values:
    counts = _counts(values, start).astype(np.int64)
    ordered = _sorted(values, start)
    middle: Values = (ordered[start + (counts - 1) // 2] + ordered[start + counts // 2]) / 2
    return middle


def _distinct(values: Values, start: NDArray[np.int64]) -> Values:
    ordered = _sorted(values, start)
    is_new = np.append(True, ordered[1:] != ordered[:-1])
    is_new[start] = True
    return np.add.reduceat(is_new.astype(np.float64), start)


_METHODS: Mapping[str, Callable[[Values, NDArray[np.int64]], Values]] = {
    "sum": np.add.reduceat,
    "prod": np.multiply.reduceat,
    "min": np.minimum.reduceat,
    "max": np.maximum.reduceat,
    "count": _counts,
    "mean": _mean,
    "var": _variance,
    "std": lambda values, start: np.sqrt(_variance(values, start)),
    "median": _median,
    "first": lambda values, start: values[start],
    "last": lambda values, start: values[np.append(start[1:], len(values)) - 1],
    "nunique": _distinct,
}
