"""The quadtree: each tile holds what is below it, and shows it sooner than its own level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ogdc_visualization.grid import Tile
from ogdc_visualization.tiles3d.regions import Region
from ogdc_visualization.tiles3d.tileset import Content, Errors, Extent, build_tileset, leaf_error

ASSET = {"version": "1.0", "tilesetVersion": "v3"}


def region(tile: Tile) -> Region:
    return Region(tile.x / 100, -(tile.y + 1) / 100, (tile.x + 1) / 100, -tile.y / 100, -1, tile.x)


def build(*tiles: Tile, top: int, longest: float = 0, is_leaf: bool = True) -> dict[str, Any]:
    contents = {
        tile: Content(
            Extent(region(tile), longest + tile.x), f"{tile.z}/{tile.x}/{tile.y}.b3dm", is_leaf=is_leaf
        )
        for tile in tiles
    }
    return build_tileset(contents, top=top, errors=Errors(8, 4), asset=ASSET)


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("children", []):
        yield from walk(child)


TILES = [Tile(4, 4, 4), Tile(5, 4, 4), Tile(5, 7, 4), Tile(15, 0, 4)]


@pytest.mark.parametrize("top", [0, 1, 2, 4])
def test_every_leaf_is_there_once_in_a_tree_whose_errors_halve(top: int) -> None:
    tileset = build(*TILES, top=top)
    nodes = list(walk(tileset["root"]))
    uris = [node["content"]["uri"] for node in nodes if "content" in node]
    assert sorted(uris) == sorted(f"4/{x}/{y}.b3dm" for x, y, _ in TILES)
    for node in nodes:
        for child in node.get("children", []):
            assert child["geometricError"] == node["geometricError"] / 2
            west, south, east, north, low, high = node["boundingVolume"]["region"]
            inner = Region(*child["boundingVolume"]["region"])
            assert west <= inner.west <= inner.east <= east
            assert south <= inner.south <= inner.north <= north
            assert low <= inner.min_height <= inner.max_height <= high
        assert ("content" in node) == (node["geometricError"] == 8)


def test_the_root_says_how_tiles_refine_and_the_tileset_what_it_is() -> None:
    tileset = build(Tile(4, 4, 4), top=3)
    assert tileset["asset"] == ASSET
    assert tileset["root"]["refine"] == "REPLACE"
    assert tileset["root"]["geometricError"] == 16
    assert tileset["geometricError"] == 32


def test_several_tiles_at_the_lowest_level_have_one_above_them() -> None:
    root = build(Tile(0, 0, 4), Tile(15, 7, 4), top=4)["root"]
    assert len(root["children"]) == 2
    assert root["geometricError"] == 16


def test_the_error_of_an_empty_node_is_at_least_the_longest_polygon() -> None:
    root = build(*TILES, top=1, longest=1000)["root"]
    errors = {id(node): node["geometricError"] for node in walk(root)}
    assert root["geometricError"] == 1015
    for node in walk(root):
        assert (node["geometricError"] == 8) == ("content" in node)
        assert all(errors[id(child)] <= node["geometricError"] for child in node.get("children", []))
    unloaded = build(Tile(4, 4, 4), top=4, longest=1000, is_leaf=False)["root"]
    assert unloaded["geometricError"] == 1004


def test_leaves_are_shown_when_cells_of_the_level_above_would_be_larger_than_pixels() -> None:
    assert Errors(leaf_error(10), 4).at(3) == 16 * 20
