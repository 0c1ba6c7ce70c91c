"""The quadtree of a tileset: what there is from the lowest level to the leaves, each in a region.

A tileset of millions of leaves is no one document: the leaves of a block are a tileset of their own, and the
one above has the blocks for leaves. Source: 3D Tiles 1.1, sections on tileset JSON and on external tilesets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ogdc_visualization.grid import Tile
from ogdc_visualization.tiles3d.regions import Region, union

PIXELS = 16
"""How large an error viewers commonly allow on the screen, in pixels."""


class Content(NamedTuple):
    """What a tile shows: the region that holds it and its file's path from the tileset's."""

    region: Region
    uri: str


class Errors(NamedTuple):
    """Geometric errors in metres: that of the leaves at their level, twice as much a level above."""

    leaf: float
    level: int

    def at(self, level: int) -> float:
        """Return the error of a level."""
        error: float = self.leaf * 2.0 ** (self.level - level)
        return error


def leaf_error(cell_size: float) -> float:
    """Return the error of leaves whose rasters have cells of this size in metres.

    Viewers then show the leaves when a cell of the level above would be larger than a pixel.
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
        tile: _node(content.region, errors.at(tile.z), content={"uri": content.uri})
        for tile, content in sorted(contents.items())
    }
    regions = {tile: content.region for tile, content in contents.items()}
    for level in range(next(iter(contents)).z - 1, top - 1, -1):
        nodes, regions = _above(nodes, regions, errors.at(level))
    root = next(iter(nodes.values()))
    if len(nodes) > 1:
        root = _node(union(regions.values()), errors.at(top - 1), children=list(nodes.values()))
    # A tileset that is not shown at all is as wrong as its root's level above.
    return {
        "asset": dict(asset),
        "geometricError": 2 * root["geometricError"],
        "root": {**root, "refine": "REPLACE"},
    }


def _above(
    nodes: Mapping[Tile, dict[str, Any]], regions: Mapping[Tile, Region], error: float
) -> tuple[dict[Tile, dict[str, Any]], dict[Tile, Region]]:
    """Return the nodes of the level above, and their regions."""
    children: dict[Tile, list[Tile]] = {}
    for tile in nodes:
        children.setdefault(tile.parent, []).append(tile)
    found = {parent: union(regions[tile] for tile in tiles) for parent, tiles in children.items()}
    return {
        parent: _node(found[parent], error, children=[nodes[tile] for tile in tiles])
        for parent, tiles in children.items()
    }, found


def _node(region: Region, error: float, **rest: Any) -> dict[str, Any]:
    return {"boundingVolume": {"region": list(region)}, "geometricError": error, **rest}
