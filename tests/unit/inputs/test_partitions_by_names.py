"""Partitions that end where names say so: bounded, in order, and mostly the same with one file more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.inputs.listing import Listing
from ogdc_shared.plan import InputFile, Partitioning, Plan


def divided(names: list[str], **how: int) -> list[list[str]]:
    plan = Plan("x", (), partitioning=Partitioning("names", **({"size": 8} | how)))
    with Listing() as listing:
        listing.extend(InputFile(f"https://example.org/{name}.tif") for name in names)
        parts = listing.items_of(plan).divided(plan.partitioning)
        return [[names[position] for position in part] for part in parts]


@given(st.lists(st.integers(0, 10_000), unique=True, max_size=200), st.integers(1, 20))
def test_all_files_are_in_one_partition_each_in_order_and_none_is_too_large(
    numbers: list[int], size: int
) -> None:
    names = [str(number) for number in sorted(numbers)]
    parts = divided(names, size=size)
    assert [name for part in parts for name in part] == names
    assert all(0 < len(part) <= size for part in parts)


@pytest.mark.slow
def test_a_new_file_leaves_nearly_all_partitions_as_they_were() -> None:
    names = [f"{number:04}" for number in range(0, 2000, 2)]
    before = {tuple(part) for part in divided(names)}
    for new in range(1, 2000, 100):
        after = {tuple(part) for part in divided(sorted([*names, f"{new:04}"]))}
        assert len(after - before) <= 8
        assert len(before) > 150


def test_the_number_of_partitions_follows_the_tasks_where_no_size_is_given() -> None:
    names = [str(number) for number in range(1000)]
    plan = Plan("x", (), partitioning=Partitioning("names", tasks=100))
    with Listing() as listing:
        listing.extend(InputFile(name) for name in names)
        assert 40 <= len([*listing.items_of(plan).divided(plan.partitioning)]) <= 150


def test_too_many_are_refused() -> None:
    with pytest.raises(InvalidRecipeError, match="a run may have at most 3"):
        divided([str(number) for number in range(100)], most=3)
