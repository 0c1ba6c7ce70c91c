"""Messages about many items."""

from __future__ import annotations

import pytest

from ogdc_shared.several import several


@pytest.mark.parametrize(
    ("texts", "of", "expected"),
    [
        ([], None, ""),
        (["a"], None, "a"),
        (["a", "b", "c"], None, "a, b, c"),
        (["a", "b", "c", "d"], None, "a, b, c and 1 more"),
        (["a", "b"], 7, "a, b and 5 more"),
    ],
)
def test_a_list_names_the_first_items_and_counts_all(texts: list[str], of: int | None, expected: str) -> None:
    assert several(texts, of=of, shown=3) == expected


def test_lines_stand_below_each_other() -> None:
    assert several(["a", "b"], shown=1, by="\n") == "a\nand 1 more"
