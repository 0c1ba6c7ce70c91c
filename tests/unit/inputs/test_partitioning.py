from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.inputs.partitioning import UNKNOWN, divide
from ogdc_shared.plan import Partitioning

KNOWN = st.lists(st.integers(0, 10**12), max_size=200)
ANY = st.lists(st.just(UNKNOWN) | st.integers(0, 10**12), max_size=200)
COUNT = st.integers(1, 250)
STRATEGY = st.sampled_from(["files", "size"])
WAYS = st.one_of(
    st.builds(lambda strategy, size: Partitioning(strategy, size=size), STRATEGY, COUNT),
    st.builds(lambda strategy, tasks: Partitioning(strategy, tasks=tasks), STRATEGY, COUNT),
)


def divided(sizes: Sequence[int], how: Partitioning) -> list[list[int]]:
    return [list(positions) for positions in divide(sizes, how)]


def loads(sizes: Sequence[int], partitions: list[list[int]]) -> list[int]:
    return [sum(sizes[position] for position in positions) for positions in partitions]


@given(ANY, WAYS)
def test_every_file_is_in_one_partition_and_none_is_empty(sizes: list[int], how: Partitioning) -> None:
    partitions = divided(sizes, how)
    assert sorted(chain(*partitions)) == list(range(len(sizes)))
    assert all(partitions)


@given(ANY, WAYS)
def test_files_keep_their_order_within_a_partition(sizes: list[int], how: Partitioning) -> None:
    for positions in divided(sizes, how):
        assert positions == sorted(positions)


@given(ANY, COUNT)
def test_by_files_all_partitions_but_the_last_are_full(sizes: list[int], size: int) -> None:
    partitions = divided(sizes, Partitioning(size=size))
    assert list(chain(*partitions)) == list(range(len(sizes)))
    assert [len(positions) for positions in partitions[:-1]] == [size] * (len(partitions) - 1)
    assert all(len(positions) <= size for positions in partitions)


def test_seven_files_with_partition_size_three_give_three_three_and_one() -> None:
    assert divided([1] * 7, Partitioning(size=3)) == [[0, 1, 2], [3, 4, 5], [6]]


@given(ANY, COUNT, STRATEGY)
def test_without_a_size_there_are_no_more_partitions_than_tasks(
    sizes: list[int], tasks: int, strategy: str
) -> None:
    assert len(divided(sizes, Partitioning(strategy=strategy, tasks=tasks))) <= min(tasks, len(sizes))


@pytest.mark.parametrize("files", [1, 1000])
def test_by_default_one_partition_has_all_files(files: int) -> None:
    assert divided([UNKNOWN] * files, Partitioning()) == [list(range(files))]


@given(KNOWN, COUNT)
def test_by_size_no_partition_is_above_the_mean_by_more_than_a_file(sizes: list[int], tasks: int) -> None:
    partitions = divided(sizes, Partitioning(strategy="size", tasks=tasks))
    assert len(partitions) == min(tasks, len(sizes))
    for load in loads(sizes, partitions):
        assert load * len(partitions) <= sum(sizes) + max(sizes) * len(partitions)


def test_by_size_one_large_file_is_alone() -> None:
    sizes = [1, 1, 1, 100, 1, 1, 1]
    partitions = divided(sizes, Partitioning(strategy="size", size=4))
    assert sorted(partitions) == [[0, 1, 2, 4, 5, 6], [3]]


@given(KNOWN.filter(any), st.integers(1, 10**12))
def test_by_bytes_the_number_of_partitions_follows_the_total_size(sizes: list[int], each: int) -> None:
    partitions = divided(sizes, Partitioning(strategy="size", bytes=each, most=10**6))
    assert len(partitions) == min(len(sizes), -(-sum(sizes) // each))


def test_an_unknown_size_counts_as_the_mean() -> None:
    partitions = divided([60, UNKNOWN, 40, UNKNOWN], Partitioning(strategy="size", bytes=100))
    assert partitions == [[0, 2], [1, 3]]


def test_by_size_without_known_sizes_divides_by_files() -> None:
    unknown = [UNKNOWN] * 7
    by_size = Partitioning(strategy="size", size=3)
    assert divided(unknown, by_size) == divided(unknown, by_size._replace(strategy="files"))


def test_bytes_without_any_size_are_refused() -> None:
    with pytest.raises(InvalidRecipeError, match=r"partition_bytes: the sizes .* give partition_size"):
        divide([UNKNOWN] * 3, Partitioning(strategy="size", bytes=10))


def test_too_many_partitions_are_rejected_with_a_suggestion() -> None:
    sizes = [5] * 1_000_001
    with pytest.raises(InvalidRecipeError) as raised:
        divide(sizes, Partitioning(size=1))
    assert str(raised.value) == (
        "meta.yml: workflow.parallel.partition_size: 1 makes 1,000,001 partitions of 1,000,001 files, "
        "and no run may have more than 10,000; give at least 101."
    )
    assert len(divided(sizes, Partitioning(size=101))) <= 10_000


def test_too_few_bytes_are_rejected_with_a_suggestion() -> None:
    sizes = [7] * 30
    how = Partitioning(strategy="size", bytes=7, most=10)
    with pytest.raises(InvalidRecipeError, match=r"7 bytes make 30 partitions of 30 files.* at least 21\."):
        divide(sizes, how)
    assert len(divided(sizes, how._replace(bytes=21))) == 10
