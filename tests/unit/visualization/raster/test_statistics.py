"""Aggregates of the values in a cell."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ogdc_visualization.raster.statistics import aggregate

VALUES = np.array([3.0, 5.0, np.nan, 4.0, 1.0, 3.0])
CELL = np.array([2, 0, 0, 2, 2, 2])


@pytest.mark.parametrize(
    ("method", "of"),
    [
        ("sum", sum), ("min", min), ("max", max), ("count", len),
        ("mean", statistics.fmean), ("median", statistics.median),
        ("var", statistics.variance), ("std", statistics.stdev),
        ("first", lambda v: v[0]), ("last", lambda v: v[-1]), ("nunique", lambda v: len(set(v))),
    ],
)  # fmt: skip
def test_a_cell_has_the_aggregate_of_its_values_in_their_order(
    method: str, of: Callable[[Sequence[float]], float]
) -> None:
    alone = 0 if method in {"var", "std"} else of([5.0])
    assert aggregate(VALUES, CELL, method, 4) == pytest.approx([alone, 0, of([3.0, 4.0, 1.0, 3.0]), 0])


def test_sums_beyond_floats_are_infinite() -> None:
    assert aggregate(np.array([1e308, 1e308]), np.array([0, 0]), "sum", 1).tolist() == [np.inf]
