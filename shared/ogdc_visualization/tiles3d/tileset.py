"""The quadtree of a tileset, from the root to the leaves, with the region of each tile.

A tileset with millions of leaves is divided into several documents. The leaves of each block are a separate
tileset, and the tileset above has these blocks as its leaves. Source: 3D Tiles 1.1, sections on tileset JSON
and on external tilesets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ogdc_visualization.grid import Tile
from ogdc_visualization.tiles3d.regions import Region, union

PIXELS = 16
"""The usual maximum error on the screen in viewers, in pixels."""


class Extent(NamedTuple):
    """The region that contains some polygons, and the length of the longest polygon in metres."""

    region: Region
    longest: float


class Content(NamedTuple):
    """The content of a tile.

    Attributes:
        extent: An extent that contains its polygons.
        uri: The path of its file, relative to the tileset.
        is_leaf: Whether the file contains the polygons. Otherwise it is another tileset.
    """

    extent: Extent
    uri: str
    is_leaf: bool


class Errors(NamedTuple):
    """Geometric errors in metres: the error and the level of the leaves. It doubles with each level above."""

    leaf: float
    level: int

    def at(self, level: int) -> float:
        """Return the error of a level."""
        error: float = self.leaf * 2.0 ** (self.level - level)
        return error


def leaf_error(cell_size: float) -> float:
    """Return the geometric error of leaves, given the cell size of their rasters in metres.

    With it, viewers show the leaves when a cell of the level above would be larger than a pixel.
    """
    return PIXELS * cell_size


def build_tileset(
    contents: Mapping[Tile, Content], *, top: int, errors: Errors, asset: Mapping[str, str]
) -> dict[str, Any]:
    """Return a tileset.

    Args:
        contents: The leaves or the blocks: at least one tile, and all of the same level.
        top: The level of the root. If there are several tiles of this level, the root is a node above them.
        errors: The errors of the levels.
        asset: `version` is the version of 3D Tiles, and `tilesetVersion` the version of the data.
    """
    nodes = {
        tile: _node(content.extent, errors.at(tile.z), is_shown=content.is_leaf, content={"uri": content.uri})
        for tile, content in sorted(contents.items())
    }
    extents = {tile: content.extent for tile, content in contents.items()}
    for level in range(next(iter(contents)).z - 1, top - 1, -1):
        nodes, extents = _above(nodes, extents, errors.at(level))
    root = next(iter(nodes.values()))
    if len(nodes) > 1:
        root = _node(join(extents.values()), errors.at(top - 1), children=list(nodes.values()))
    # The error of a tileset that is not shown is the error of the level above its root.
    return {
        "asset": dict(asset),
        "geometricError": 2 * root["geometricError"],
        "root": {**root, "refine": "REPLACE"},
    }


def join(extents: Iterable[Extent]) -> Extent:
    """Return the extent of at least one extent."""
    every = list(extents)
    return Extent(union(each.region for each in every), max(each.longest for each in every))


def _above(
    nodes: Mapping[Tile, dict[str, Any]], extents: Mapping[Tile, Extent], error: float
) -> tuple[dict[Tile, dict[str, Any]], dict[Tile, Extent]]:
    """Return the nodes of the level above, and their extents."""
    children: dict[Tile, list[Tile]] = {}
    for tile in nodes:
        children.setdefault(tile.parent, []).append(tile)
    found = {parent: join(extents[tile] for tile in tiles) for parent, tiles in children.items()}
    return {
        parent: _node(found[parent], error, children=[nodes[tile] for tile in tiles])
        for parent, tiles in children.items()
    }, found


def _node(extent: Extent, error: float, *, is_shown: bool = False, **rest: Any) -> dict[str, Any]:
    """Return a node. If it shows nothing, its error is at least the length of its longest polygon."""
    error = error if is_shown else max(error, extent.longest)
    return {"boundingVolume": {"region": list(extent.region)}, "geometricError": error, **rest}
