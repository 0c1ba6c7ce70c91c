"""Reproducible synthetic polygons for maps, with a given number, size and density."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyogrio.raw
import shapely
from numpy.typing import NDArray

_CORNERS = 18


class MapData(NamedTuple):
    """Polygons of 18 corners in degrees, in GeoPackages from west to east.

    Attributes:
        number: How many.
        west, south, east, north: Where their middles are.
        smallest, largest: Their radii from north to south; they are wider by 2.6.
        files: How many files.
    """

    number: int
    west: float
    south: float
    east: float
    north: float
    smallest: float
    largest: float
    files: int

    def write(self, directory: Path) -> None:
        """Write them."""
        directory.mkdir(parents=True, exist_ok=True)
        chance = np.random.default_rng(7)
        middles = chance.uniform((self.west, self.south), (self.east, self.north), (self.number, 2))
        middles = middles[np.argsort(middles[:, 0])]
        for number, part in enumerate(np.array_split(middles, self.files)):
            self._write(directory / f"part_{number}.gpkg", part, chance)

    def _write(self, path: Path, middles: NDArray[np.float64], chance: np.random.Generator) -> None:
        count = len(middles)
        pyogrio.raw.write(
            path,
            geometry=shapely.to_wkb(self._polygons(middles, chance)),
            field_data=[np.arange(count), chance.uniform(0, 30, count).round(3)],
            fields=["number", "depth"],
            driver="GPKG",
            geometry_type="Polygon",
            crs="EPSG:4326",
        )

    def _polygons(self, middles: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.object_]:
        count = len(middles)
        radii = np.exp(chance.uniform(np.log(self.smallest), np.log(self.largest), (count, 1)))
        radii = radii * chance.uniform(0.7, 1, (count, _CORNERS))
        # One corner in each of as many equal sectors, so that no ring crosses itself.
        angles = (np.arange(_CORNERS) + chance.uniform(0, 0.9, (count, _CORNERS))) * 2 * np.pi / _CORNERS
        x = middles[:, :1] + 2.6 * radii * np.cos(angles)
        y = middles[:, 1:] + radii * np.sin(angles)
        rings = np.stack((x, y), axis=-1)
        return np.asarray(shapely.polygons(np.concatenate((rings, rings[:, :1]), axis=1)), object)
