"""The levels above the highest: each tile from the four that it consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def reduce_tiles(children: Sequence[Values | None], methods: Sequence[str]) -> Values:
    """Return the bands (b, rows, columns) of a tile, computed from its children of the same shape.

    Args:
        children: North-west, north-east, south-west, south-east; a child that is None counts as zeros. At
            least one is not None.
        methods: The resampling method of each band, by GDAL's name. Every 2 by 2 cells become one; `bilinear`
            and similar methods also use cells around them, within the four children.
    """
    shape = next(child.shape for child in children if child is not None)
    nothing = np.zeros(shape)
    north_west, north_east, south_west, south_east = (nothing if c is None else c for c in children)
    whole = np.concatenate(
        (np.concatenate((north_west, north_east), axis=2), np.concatenate((south_west, south_east), axis=2)),
        axis=1,
    )
    with np.errstate(over="ignore"):  # reported where tiles are written
        return np.stack([_halved(band, method) for band, method in zip(whole, methods, strict=True)])


def _halved(band: Values, method: str) -> Values:
    """Return a band (2r, 2c) with half as many rows and columns."""
    if method in _OF_FOUR:
        return _OF_FOUR[method](band[::2, ::2], band[::2, 1::2], band[1::2, ::2], band[1::2, 1::2])
    return _warped(band, method)


def _mode(*four: Values) -> Values:
    """Return the most frequent value; among equally frequent ones, the one that reaches that count first."""
    result, most = four[0].copy(), np.ones(four[0].shape, np.int64)
    for index, value in enumerate(four[1:], 1):
        count = 1 + sum((value == earlier).astype(np.int64) for earlier in four[:index])
        is_more = count > most
        result[is_more], most[is_more] = value[is_more], count[is_more]
    return result


def _ranked(rank: int) -> Callable[..., Values]:
    """Return a function for the value of a rank, from the smallest on, among four."""
    return lambda *four: np.sort(np.stack(four), axis=0)[rank]


_OF_FOUR: Mapping[str, Callable[..., Values]] = {
    "average": lambda a, b, c, d: (a + b + c + d) / 4,
    "sum": lambda a, b, c, d: a + b + c + d,
    "min": lambda *four: np.minimum.reduce(four),
    "max": lambda *four: np.maximum.reduce(four),
    "rms": lambda a, b, c, d: np.sqrt((a * a + b * b + c * c + d * d) / 4),
    "nearest": lambda _a, _b, _c, d: d.copy(),
    "mode": _mode,
    "q1": _ranked(0),
    "med": _ranked(1),
    "q3": _ranked(2),
}
"""Of the four cells a b / c d; which of them `nearest`, `med`, `q1` and `q3` take is what GDAL 3.10 takes."""


def _warped(band: Values, method: str) -> Values:
    """Have GDAL resample a band."""
    from rasterio import Affine
    from rasterio.warp import Resampling, reproject

    result = np.zeros((band.shape[0] // 2, band.shape[1] // 2))
    reproject(
        band,
        result,
        src_transform=Affine.identity(),
        dst_transform=Affine.scale(2),
        src_crs="EPSG:3857",
        dst_crs="EPSG:3857",
        resampling=Resampling[method],
    )
    return result
