"""The files of 3D Tiles: a leaf for each tile of the highest level, and tilesets that refer to them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Grid, Tile
from ogdc_visualization.pyramid import Polygons
from ogdc_visualization.tile_files import tile_path
from ogdc_visualization.tiles3d.regions import Region
from ogdc_visualization.tiles3d.tileset import Content, Errors, Extent, build_tileset, join, leaf_error
from ogdc_visualization.units import metres_per_unit

_LEVELS = 4
"""How many levels below its root a tileset has its leaves, unless there would be too many tilesets."""
_MAX_LEVEL = 9
"""The highest level of such tilesets, so that the one above them does not have too many to refer to."""


class Leaves(NamedTuple):
    """Leaves of a map, as arrays: there may be millions.

    Attributes:
        places: Their columns and rows (n, 2).
        extents: The sides of their regions, and how long the largest polygon of each is (n, 7).
    """

    places: NDArray[np.int64]
    extents: NDArray[np.float64]

    @classmethod
    def of(cls, leaves: Sequence[tuple[int, int, Extent]]) -> Leaves:
        """Return leaves by column, row and extent."""
        places = np.array([(x, y) for x, y, _ in leaves], np.int64).reshape(-1, 2)
        extents = np.array([(*extent.region, extent.longest) for _, _, extent in leaves], np.float64)
        return cls(places, extents.reshape(-1, 7))

    def grouped(self, level: int, above: int) -> Iterator[tuple[Tile, dict[Tile, Extent]]]:
        """Yield each tile of the level `above` that leaves, which are of `level`, are below, and those."""
        groups, number = np.unique(self.places >> (level - above), axis=0, return_inverse=True)
        order = np.lexsort((self.places[:, 1], self.places[:, 0], number.ravel()))
        ends = np.cumsum(np.bincount(number.ravel()))
        for (x, y), own in zip(groups.tolist(), np.split(order, ends[:-1]), strict=True):
            found = zip(self.places[own].tolist(), self.extents[own].tolist(), strict=True)
            yield (
                Tile(x, y, above),
                {Tile(a, b, level): Extent(Region(*sides), longest) for (a, b), (*sides, longest) in found},
            )


class TilesetFiles:
    """Writes leaves, or what refers to them.

    Attributes:
        extents: Where the leaves are that were written.
    """

    def __init__(self, output: Path, config: VisualizationConfig, grid: Grid) -> None:
        self._output, self._config, self._grid = output, config, grid
        self.extents: dict[Tile, Extent] = {}

    def add(self, tile: Tile, polygons: Polygons) -> None:
        """Write the leaf of a tile with the polygons whose centroids are in it, not clipped."""
        from ogdc_visualization.tiles3d.leaves import build_leaf  # `top` writes no leaf

        config = self._config
        polygons = polygons.kept_at("3dtiles", config)
        own = polygons.columns[config.prop_centroid_within_tile].astype(bool)
        columns = {name: column[own] for name, column in polygons.columns.items()}
        leaf = build_leaf(
            polygons.geometries[own],
            columns | {"uuid": _urns(columns[config.prop_identifier])},
            crs=self._grid.crs,
            height=config.z_coord or 0,
            extension=config.ext_3dtiles,
        )
        if leaf:
            self._write(self._path(tile, config.ext_3dtiles), leaf.content)
            self.extents[tile] = leaf.extent

    def write_tilesets(self, leaves: Leaves) -> None:
        """Write the tilesets of all leaves, one at least: for each tile of a level between, and one above."""
        level = self._level_between
        whole: dict[Tile, Extent] = {}
        for group, extents in leaves.grouped(self._config.max_level, level):
            self._write_tileset(self._path(group, ".json"), extents, self._config.ext_3dtiles, top=level)
            whole[group] = join(extents.values())
        path = self._output / self._config.dir_3dtiles / "tileset.json"
        self._write_tileset(path, whole, ".json", top=self._config.min_level)

    @property
    def _level_between(self) -> int:
        """The level whose tiles have their own tilesets: of up to 256 leaves, at most `_MAX_LEVEL`."""
        highest = min(self._config.max_level - _LEVELS, _MAX_LEVEL)
        return max(self._config.min_level, highest)

    def _write_tileset(self, path: Path, tiles: Mapping[Tile, Extent], extension: str, *, top: int) -> None:
        contents = {
            tile: Content(extent, _relative(self._path(tile, extension), path), extension != ".json")
            for tile, extent in tiles.items()
        }
        tileset = build_tileset(contents, top=top, errors=self._errors, asset=self._asset)
        self._write(path, json.dumps(tileset, separators=(",", ":")).encode())

    @property
    def _errors(self) -> Errors:
        config, grid = self._config, self._grid
        cell = grid.side_at(config.max_level) / config.tile_size[1] * metres_per_unit(grid.crs)
        return Errors(config.geometricError or leaf_error(cell), config.max_level)

    @property
    def _asset(self) -> dict[str, str]:
        asset = {"version": "1.0" if self._config.ext_3dtiles == ".b3dm" else "1.1"}
        return asset | ({"tilesetVersion": self._config.version} if self._config.version else {})

    def _path(self, tile: Tile, extension: str) -> Path:
        return tile_path(self._output, self._config, self._config.dir_3dtiles, tile, extension)

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _urns(identifiers: NDArray[Any]) -> NDArray[np.object_]:
    """Return identifiers as URNs, as batch tables of before have them."""
    return np.array([f"urn:uuid:{each}" for each in identifiers], dtype=object)


def _relative(path: Path, document: Path) -> str:
    """Return a path from where a document lies."""
    return Path(os.path.relpath(path, document.parent)).as_posix()
