"""Dividing input files into partitions.

Only sizes are used, so a million files are divided within a few megabytes. `listing.Listing` has the files.
"""

from __future__ import annotations

from heapq import heapify, heapreplace
from typing import TYPE_CHECKING

from ogdc_shared.errors import InvalidRecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ogdc_shared.plan import Partitioning

UNKNOWN = -1
"""In place of a size that is not known beforehand."""
_KEY = "meta.yml: workflow.parallel"


def divide(sizes: Sequence[int], how: Partitioning, names: Sequence[int] = ()) -> Iterator[Sequence[int]]:
    """Yield the positions of the files of each partition, in order; every position is in one partition.

    Args:
        sizes: Bytes of each file, or `UNKNOWN`.
        how: The strategy. With `files`, 7 files in partitions of 3 are divided into 3, 3 and 1. With `size`,
            the number of partitions is given, or follows from their size of about `bytes` bytes; they are as
            equal as the files allow: none exceeds the mean by more than one file. If no size is known,
            `size` does the same as `files`. With `names`, a partition ends where the name of its last file
            says so, or once it has `size` files: a new file changes its own partition, and seldom the next.
        names: A number derived from each file's name; needed for `names`.

    Raises:
        InvalidRecipeError: there would be too many partitions, or bytes are given but no size is known.
    """
    if not sizes:
        return iter(())
    if how.strategy == "names":
        return _by_names(names, how)
    count = _count(sizes, how)
    if count > how.most:
        raise InvalidRecipeError(_too_many(sizes, how, count=count))
    if how.strategy == "size" and any(size != UNKNOWN for size in sizes):
        return _balanced(_weights(sizes), count)
    return _consecutive(len(sizes), how.size or -(-len(sizes) // count))


def _consecutive(files: int, size: int) -> Iterator[Sequence[int]]:
    return (range(start, min(start + size, files)) for start in range(0, files, size))


def _by_names(names: Sequence[int], how: Partitioning) -> Iterator[Sequence[int]]:
    """Divide where names say so, on average in the middle of what a partition may have.

    Source: A. Muthitacharoen et al., "A Low-bandwidth Network File System", 2001 (content-defined chunks).
    """
    size = how.size or 2 << max(0, -(-len(names) // how.tasks) - 1).bit_length()
    found, start = [], 0
    for position, name in enumerate(names, start=1):
        if name % max(1, size // 2) == 0 or position - start == size:
            found.append(range(start, position))
            start = position
    if start < len(names):
        found.append(range(start, len(names)))
    if len(found) > how.most:
        raise InvalidRecipeError(
            f"{_KEY}: the names of {len(names):,} files give {len(found):,} partitions, but a run "
            f"may have at most {how.most:,}; give a partition_size larger than {size:,}."
        )
    return iter(found)


def _balanced(weights: Sequence[int], count: int) -> Iterator[Sequence[int]]:
    """Assign each file, largest first, to the smallest partition; among equals, to that of fewest files.

    Source: R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", 1969 (longest processing time first).
    """
    from array import array

    loads = [(0, 0, number) for number in range(count)]
    heapify(loads)
    partitions = [array("L") for _ in loads]
    for position in sorted(range(len(weights)), key=weights.__getitem__, reverse=True):
        load, files, number = loads[0]
        partitions[number].append(position)
        heapreplace(loads, (load + weights[position], files + 1, number))
    return (array("L", sorted(positions)) for positions in partitions)


def _count(sizes: Sequence[int], how: Partitioning) -> int:
    if how.strategy == "size" and how.bytes is not None:
        return min(len(sizes), max(1, -(-sum(_weights(sizes)) // how.bytes)))
    if how.size is not None:
        return -(-len(sizes) // how.size)
    return min(len(sizes), how.tasks)


def _weights(sizes: Sequence[int]) -> Sequence[int]:
    """Take a size that is not known for the mean of those that are.

    Raises:
        InvalidRecipeError: none is.
    """
    known = [size for size in sizes if size != UNKNOWN]
    if not known:
        raise InvalidRecipeError(
            f"{_KEY}.partition_bytes: the sizes of the inputs are not known before they are fetched; "
            "give partition_size, a number of files, instead."
        )
    if len(known) == len(sizes):
        return sizes
    usual = sum(known) // len(known)
    return [usual if size == UNKNOWN else size for size in sizes]


def _too_many(sizes: Sequence[int], how: Partitioning, *, count: int) -> str:
    if how.strategy == "size" and how.bytes is not None:
        least = -(-sum(_weights(sizes)) // how.most)
        given = f"partition_bytes: {how.bytes:,} bytes make"
    else:
        least = -(-len(sizes) // how.most)
        given = f"partition_size: {how.size} makes"
    return (
        f"{_KEY}.{given} {count:,} partitions of {len(sizes):,} files, and no run may have more than "
        f"{how.most:,}; give at least {least:,}."
    )
