"""Dividing a map into blocks, and blocks among tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ogdc_visualization.grid import Tile
from ogdc_visualization.morton import decode, encode
from ogdc_visualization.stages.array_files import pack, read_arrays, unpack, write_arrays
from ogdc_visualization.stages.blocks import MAX_WEIGHT, Share, block_weight, divide_map
from ogdc_visualization.stages.feature_store import Leaves

LEVELS = st.integers(0, 22)


@st.composite
def leaves(draw: st.DrawFn) -> tuple[Leaves, int, int]:
    """Tiles of a level of two columns for each row, the lowest level and theirs."""
    lowest, highest = sorted((draw(LEVELS), draw(LEVELS)))
    place = st.tuples(st.integers(0, (2 << highest) - 1), st.integers(0, (1 << highest) - 1))
    places = np.array(draw(st.lists(place, min_size=1, max_size=30, unique=True)), np.int64)
    codes = np.sort(encode(places[:, 0], places[:, 1]))
    weights = draw(st.lists(st.integers(1, 1 << 26), min_size=len(codes), max_size=len(codes)))
    return Leaves(codes, np.array(weights, np.int64)), lowest, highest


@given(leaves(), st.integers(1, 1 << 28), st.integers(0, 1 << 28))
def test_blocks_are_light_and_hold_each_tile_once(
    found: tuple[Leaves, int, int], most: int, more: int
) -> None:
    tiles, lowest, highest = found
    blocks = divide_map(tiles, lowest=lowest, highest=highest, most=most, limit=most + more)
    held = [number for block in blocks for number in range(*block.leaves.indices(len(tiles.codes)))]
    assert held == list(range(len(tiles.codes)))
    for block in blocks:
        x, y = decode(tiles.codes[block.leaves])
        below = {Tile(a, b, highest).above(block.tile.z) for a, b in zip(x.tolist(), y.tolist(), strict=True)}
        assert below == {block.tile}
        assert lowest <= block.tile.z <= highest
        assert (
            block.weight <= (most if block.tile.z < highest - 1 else most + more) or block.tile.z == highest
        )


@given(leaves(), st.integers(1, 9))
def test_each_block_is_in_one_share(found: tuple[Leaves, int, int], among: int) -> None:
    tiles, lowest, highest = found
    most = block_weight(tiles, Share(0, among))
    blocks = divide_map(tiles, lowest=lowest, highest=highest, most=most, limit=MAX_WEIGHT)
    given = [block for number in range(among) for block in Share(number, among).of(blocks)]
    assert sorted(given) == sorted(blocks)


def test_a_share_says_which_of_how_many_it_is() -> None:
    assert Share.read("2-of-10") == Share(2, 10)


def test_a_dense_region_has_smaller_blocks_than_an_empty_one() -> None:
    codes = encode(np.array([0, 1, 2, 3, 900]), np.array([0, 0, 1, 1, 400]))
    tiles = Leaves(codes, np.full(5, 1 << 20))
    blocks = divide_map(tiles, lowest=0, highest=10, most=1 << 21, limit=1 << 22)
    assert [(block.tile.z, block.leaves) for block in blocks] == [
        (9, slice(0, 2)),
        (9, slice(2, 4)),
        (1, slice(4, 5)),
    ]


@given(st.lists(st.tuples(st.integers(0, (1 << 31) - 1), st.integers(0, (1 << 31) - 1)), min_size=1))
def test_columns_and_rows_are_in_the_number_of_a_tile(places: list[tuple[int, int]]) -> None:
    x, y = np.array(places, np.int64).T
    found = decode(encode(x, y))
    assert np.array_equal(found, (x, y))


@given(st.integers(0, 1 << 23), st.integers(0, 1 << 22))
def test_the_four_tiles_below_one_have_neighbouring_numbers(x: int, y: int) -> None:
    number = int(encode(np.array([x]), np.array([y]))[0])
    columns, rows = np.array([(tile.x, tile.y) for tile in Tile(x, y, 3).children]).T
    assert encode(columns, rows).tolist() == [4 * number + child for child in range(4)]


@given(st.lists(st.binary(max_size=9), min_size=1), st.data())
def test_arrays_come_back_and_texts_by_their_numbers(
    tmp_path_factory, texts: list[bytes], data: st.DataObject
) -> None:
    content, ends = pack(texts)
    times = np.array(["2020-01-01", "NaT"], "datetime64[ms]")
    path: Path = tmp_path_factory.mktemp("arrays") / "some"
    write_arrays(path, {"content": content, "ends": ends, "times": times, "none": np.empty((0, 2))})
    arrays = read_arrays(path)
    assert arrays["none"].shape == (0, 2)
    assert np.array_equal(arrays["times"], times, equal_nan=True)
    which = data.draw(st.lists(st.integers(0, len(texts) - 1)))
    assert unpack(arrays["content"], arrays["ends"], np.array(which, np.int64)) == [texts[n] for n in which]
