"""Which of two is kept: a list of properties, of which the larger or the smaller value is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ogdc_shared.errors import InputError

Rules = Sequence[tuple[str, str]]
"""A property and `larger` or `smaller`; where two are equal, the next rule decides."""


def preference(columns: Mapping[str, NDArray[Any]], rules: Rules) -> NDArray[np.int64]:
    """Return the rank of each of n items, 0 being the best; among equal ones the first ranks higher.

    Args:
        columns: The values of each property (n,), numbers or texts; missing values rank last.
        rules: At least one rule.

    Raises:
        InputError: the values of a property cannot be compared with each other.
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
