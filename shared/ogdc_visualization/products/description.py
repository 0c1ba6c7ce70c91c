"""What a map consists of, as every product of it needs to know: its grid, its tiles and its layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ogdc_visualization.grid import Bounds


class Matrix(NamedTuple):
    """One level of a grid of tiles; `x` and `y` are easting (or longitude) and northing (or latitude).

    Attributes:
        level: Its number, which is its name too.
        west: The left edge of column 0, in units of the CRS.
        north: The upper edge of row 0.
        cell: The size of a tile's cells.
        columns: How many tiles the whole grid has from left to right.
        rows: How many it has downwards.
    """

    level: int
    west: float
    north: float
    cell: float
    columns: int
    rows: int


class Limits(NamedTuple):
    """The outermost tiles that a level has data in, all of them included."""

    min_column: int
    max_column: int
    min_row: int
    max_row: int


class Layer(NamedTuple):
    """A statistic as the map shows it.

    Attributes:
        name: Of the statistic, and in the paths of its tiles.
        colors: Red, green, blue (0 to 255) and alpha from the smallest value to the largest.
        ranges: The smallest and the largest value that the colours stand for, for each level.
        template: The path of its tiles from the output's root, with `{z}`, `{x}` and `{y}`.
    """

    name: str
    colors: tuple[tuple[int, int, int, int], ...]
    ranges: Mapping[int, tuple[float, float]]
    template: str


class MapDescription(NamedTuple):
    """A map: `crs` is a code such as `EPSG:4326`; `tile_size` counts cells, as many across as downwards.

    `limits` has an entry for each level with data, `matrices` one for each level of the grid from 0 on.
    """

    title: str
    doi: str
    version: str | None
    tms_id: str
    crs: str
    tile_size: int
    matrices: tuple[Matrix, ...]
    limits: Mapping[int, Limits]
    layers: tuple[Layer, ...]

    @property
    def levels(self) -> list[int]:
        """The levels that have data, the lowest first."""
        return sorted(self.limits)


def extent_of(matrix: Matrix, limits: Limits, tile_size: int) -> Bounds:
    """Return what the tiles within limits cover."""
    side = matrix.cell * tile_size
    return Bounds(
        matrix.west + limits.min_column * side,
        matrix.north - (limits.max_row + 1) * side,
        matrix.west + (limits.max_column + 1) * side,
        matrix.north - limits.min_row * side,
    )
