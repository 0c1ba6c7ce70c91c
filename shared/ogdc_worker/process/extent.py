"""The bounding box of a data set, in the units of its CRS."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple


class Extent(NamedTuple):
    """A rectangle in the units of a CRS."""

    west: float
    south: float
    east: float
    north: float

    def to_wkt(self) -> str:
        """Return it as well-known text: a polygon, or a line or point if it has no area."""
        west, south, east, north = (repr(each) for each in self)
        if self.west == self.east and self.south == self.north:
            return f"POINT ({west} {south})"
        if self.west == self.east or self.south == self.north:
            return f"LINESTRING ({west} {south}, {east} {north})"
        corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
        return f"POLYGON (({', '.join(f'{x} {y}' for x, y in corners)}))"

    @property
    def is_finite(self) -> bool:
        """Whether all bounds are finite."""
        return all(map(isfinite, self))
