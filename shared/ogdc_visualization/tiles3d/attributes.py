"""Attributes as a batch table of JSON has them: numbers as numbers, and null where there is none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def json_values(values: NDArray[Any]) -> list[Any]:
    """Return a column's values for JSON, each in its row: NaN, infinity and missing ones are null."""
    if values.dtype.kind == "f":
        return [value if math.isfinite(value) else None for value in values.tolist()]
    if values.dtype.kind in "iub":
        numbers: list[Any] = values.tolist()
        return numbers
    if values.dtype.kind in "mM":
        return [
            None if missing else str(value) for value, missing in zip(values, np.isnat(values), strict=True)
        ]
    return [_json_value(value) for value in values.tolist()]


def text_values(values: NDArray[Any]) -> list[str | None]:
    """Return a column's values as text, for where a column has one type."""
    return [None if value is None else str(value) for value in json_values(values)]


def _json_value(value: Any) -> Any:
    """Return one value of a column of objects."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
