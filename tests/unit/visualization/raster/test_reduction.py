"""A tile from the four below it."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ogdc_visualization.raster.pyramid import reduce_tiles

bands = arrays(np.float64, (1, 4, 4), elements=st.integers(0, 3).map(float))
children = st.lists(st.none() | bands, min_size=4, max_size=4).filter(
    lambda all_: any(c is not None for c in all_)
)


@given(children)
def test_sums_are_equal_at_all_levels(four: list[np.ndarray | None]) -> None:
    whole = sum(float(child.sum()) for child in four if child is not None)
    assert reduce_tiles(four, ["sum"]).sum() == whole
    assert reduce_tiles(four, ["average"]).sum() == pytest.approx(whole / 4)


@given(children)
def test_the_mode_is_the_most_frequent_and_then_the_first_value(four: list[np.ndarray | None]) -> None:
    found = reduce_tiles(four, ["mode"])[0]
    north_west = four[0] if four[0] is not None else np.zeros((1, 4, 4))
    for row, column in np.ndindex(2, 2):
        block = north_west[0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel().tolist()
        most = max(Counter(block).values())
        first = next(v for n, v in enumerate(block) if block[: n + 1].count(v) == most)
        assert found[row, column] == first


@pytest.mark.parametrize(
    ("method", "value"),
    [("min", 1), ("max", 8), ("nearest", 2), ("q1", 1), ("med", 2), ("q3", 5), ("rms", (94 / 4) ** 0.5)],
)
def test_four_cells_become_one(method: str, value: float) -> None:
    child = np.array([[[5.0, 8.0], [1.0, 2.0]]])
    assert reduce_tiles([child, None, None, None], [method])[0, 0, 0] == pytest.approx(value)
