"""Ranking of duplicates by properties. Of each property, the larger or the smaller value is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.errors import InputError

Rules = Sequence[tuple[str, str]]
"""Pairs of a property and `larger` or `smaller`. If two values are equal, the next rule decides."""


def preference(columns: Mapping[str, NDArray[Any]], rules: Rules) -> NDArray[np.int64]:
    """Return the rank of each of n items; 0 is the best. Among equal items, the first one ranks higher.

    Args:
        columns: The values of each property (n,), numbers or strings. Missing values rank last.
        rules: At least one rule.

    Raises:
        InputError: a property has both strings and numbers.
    """
    keys = [_order(name, columns[name], rule) for name, rule in reversed(rules)]
    order = np.lexsort(keys)
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places


def _order(name: str, values: NDArray[Any], rule: str) -> NDArray[np.int64]:
    """Return numbers (n,) that are smaller for better values."""
    there = np.array([value is not None and value == value for value in values.tolist()], bool)  # noqa: PLR0124
    numbers = np.full(len(values), len(values), np.int64)
    try:
        found, number = np.unique(values[there], return_inverse=True)
    except TypeError as exc:
        raise InputError(f"deduplicate_keep_rules: column {name!r} has both strings and numbers.") from exc
    numbers[there] = len(found) - 1 - number if rule == "larger" else number
    return numbers
