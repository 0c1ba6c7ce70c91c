"""Ranking of duplicates."""

from __future__ import annotations

import numpy as np
import pytest

from ogdc_shared.errors import InputError
from ogdc_visualization.deduplicate.rules import preference


def test_the_next_rule_decides_where_two_are_equal() -> None:
    columns = {"date": np.array(["2020", "2023", "2023"], object), "area": np.array([1.0, 5.0, 2.0])}
    assert preference(columns, [("date", "larger"), ("area", "smaller")]).tolist() == [2, 1, 0]


def test_what_is_missing_is_worse_than_any_value() -> None:
    columns = {"year": np.array([np.nan, 2020, 2000]), "name": np.array([None, "a", "b"], object)}
    assert preference(columns, [("year", "smaller")]).tolist() == [2, 1, 0]
    assert preference(columns, [("name", "larger")]).tolist() == [2, 1, 0]


def test_the_first_of_equal_ones_is_better() -> None:
    assert preference({"year": np.array([7, 7, 7])}, [("year", "larger")]).tolist() == [0, 1, 2]


def test_texts_and_numbers_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="'date' has both strings and numbers"):
        preference({"date": np.array([2020, "2023"], object)}, [("date", "larger")])
