"""The grid of tiles: levels of squares, each tile of which is four of the next level.

Source: OGC Two Dimensional Tile Matrix Set (17-083r4). Columns grow eastward, rows southward.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Tile(NamedTuple):
    """A tile by column, row and level."""

    x: int
    y: int
    z: int

    @property
    def parent(self) -> Tile:
        """The tile of the level above that holds this one."""
        return self.above(self.z - 1)

    @property
    def children(self) -> tuple[Tile, Tile, Tile, Tile]:
        """The four tiles of the next level: those of the northern row first, each from west to east."""
        x, y, z = 2 * self.x, 2 * self.y, self.z + 1
        return Tile(x, y, z), Tile(x + 1, y, z), Tile(x, y + 1, z), Tile(x + 1, y + 1, z)

    def above(self, level: int) -> Tile:
        """Return the tile of a lower level that holds this one."""
        return Tile(self.x >> (self.z - level), self.y >> (self.z - level), level)

    def __str__(self) -> str:
        return f"Tile(x={self.x}, y={self.y}, z={self.z})"


class Bounds(NamedTuple):
    """A rectangle in units of the grid's CRS, x to the east (or longitude) and y to the north."""

    west: float
    south: float
    east: float
    north: float


class Grid(NamedTuple):
    """A tile matrix set that is a quadtree.

    Attributes:
        crs: A code, such as `EPSG:4326`; coordinates are always x, y.
        west: The left edge, in units of the CRS.
        north: The upper edge.
        side: The side of a tile of level 0.
        columns: How many tiles of level 0 there are from left to right.
        rows: How many downwards.
    """

    tms_id: str
    crs: str
    west: float
    north: float
    side: float
    columns: int
    rows: int

    def side_at(self, level: int) -> float:
        """Return the side of a level's tiles."""
        return self.side / (1 << level)

    def bounds(self, tile: Tile) -> Bounds:
        """Return the rectangle of a tile."""
        side = self.side_at(tile.z)
        west, north = self.west + tile.x * side, self.north - tile.y * side
        return Bounds(west, north - side, west + side, north)

    @property
    def extent(self) -> Bounds:
        """The rectangle of all tiles."""
        width, height = self.columns * self.side, self.rows * self.side
        return Bounds(self.west, self.north - height, self.west + width, self.north)

    def size_at(self, level: int) -> tuple[int, int]:
        """Return how many columns and rows a level has."""
        return self.columns << level, self.rows << level


@lru_cache
def load_grid(tms_id: str) -> Grid:
    """Return a tile matrix set that is known here, or by morecantile."""
    if tms_id in _KNOWN:
        return Grid(tms_id, *_KNOWN[tms_id])
    return by_morecantile(tms_id)


def by_morecantile(tms_id: str) -> Grid:
    """Return a tile matrix set that morecantile knows, or finds in TILEMATRIXSET_DIRECTORY."""
    import morecantile  # a quarter of a second, which most maps need not spend
    import pyproj

    tms = morecantile.tms.get(tms_id)
    first, corner = tms.matrix(0), tms.xy_bounds(morecantile.Tile(0, 0, 0))
    authority = pyproj.CRS.from_user_input(tms.crs._pyproj_crs).to_authority()
    return Grid(
        tms_id,
        ":".join(authority) if authority else tms.crs._pyproj_crs.to_wkt(),
        corner.left,
        corner.top,
        corner.right - corner.left,
        first.matrixWidth,
        first.matrixHeight,
    )


_MERCATOR = 20_037_508.342789244
"""Half of the way around the equator, in metres."""
_KNOWN = {
    "WGS1984Quad": ("EPSG:4326", -180.0, 90.0, 180.0, 2, 1),
    "WorldCRS84Quad": ("OGC:CRS84", -180.0, 90.0, 180.0, 2, 1),
    "WebMercatorQuad": ("EPSG:3857", -_MERCATOR, _MERCATOR, 2 * _MERCATOR, 1, 1),
    "UPSArctic3413Quad": ("EPSG:3413", -4_000_100.0, 4_100_100.0, 256 * 29_297.65625, 1, 1),
}
"""CRS, left and upper edge, side, columns and rows of the grids in use most, and of that which the Permafrost
Discovery Gateway's packages have and morecantile has not."""
