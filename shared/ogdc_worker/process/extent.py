"""What bounds a data set, in the units of its CRS."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple


class Extent(NamedTuple):
    """A rectangle in the units of some CRS."""

    west: float
    south: float
    east: float
    north: float

    def to_wkt(self) -> str:
        """Render as well-known text: a polygon, or the line or the point that it is."""
        west, south, east, north = (repr(each) for each in self)
        if self.west == self.east and self.south == self.north:
            return f"POINT ({west} {south})"
        if self.west == self.east or self.south == self.north:
            return f"LINESTRING ({west} {south}, {east} {north})"
        corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
        return f"POLYGON (({', '.join(f'{x} {y}' for x, y in corners)}))"

    @property
    def is_finite(self) -> bool:
        """Whether it is one at all."""
        return all(map(isfinite, self))
