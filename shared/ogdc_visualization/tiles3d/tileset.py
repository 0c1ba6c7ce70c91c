"""The quadtree of a tileset: what there is from the lowest level to the leaves, each in a region.

A tileset of millions of leaves is no one document: the leaves of a block are a tileset of their own, and the
one above has the blocks for leaves. Source: 3D Tiles 1.1, sections on tileset JSON and on external tilesets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ogdc_visualization.grid import Tile
from ogdc_visualization.tiles3d.regions import Region, union

PIXELS = 16
"""How large an error viewers commonly allow on the screen, in pixels."""


class Extent(NamedTuple):
    """Where polygons are: the region that holds them, and how long the largest of them is, in metres."""

    region: Region
    longest: float


class Content(NamedTuple):
    """The content of a tile.

    Attributes:
        extent: An extent that contains its polygons.
        uri: The path of its file, relative to the tileset's.
        is_leaf: Whether the file has the polygons; otherwise it is another tileset.
    """

    extent: Extent
    uri: str
    is_leaf: bool


class Errors(NamedTuple):
    """Geometric errors in metres: that of the leaves at their level, twice as much a level above."""

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
    """Return a tileset of the tiles with content, one at least, all of one level.

    Args:
        contents: The leaves, or the blocks.
        top: The level of the root. Where several tiles of it are there, one above holds them.
        errors: Of each level.
        asset: The version of 3D Tiles as `version`, of the data as `tilesetVersion`.
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
    # A tileset that is not shown at all is as wrong as its root's level above.
    return {
        "asset": dict(asset),
        "geometricError": 2 * root["geometricError"],
        "root": {**root, "refine": "REPLACE"},
    }


def join(extents: Iterable[Extent]) -> Extent:
    """Return the extent of all of them, one at least."""
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
    """Return a node; one that shows nothing is as wrong as the largest polygon is long that it leaves out."""
    error = error if is_shown else max(error, extent.longest)
    return {"boundingVolume": {"region": list(extent.region)}, "geometricError": error, **rest}
