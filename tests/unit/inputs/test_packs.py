"""Partitions share objects, and each is found in its own, unchanged."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.digests import root_of
from ogdc_shared.inputs.listing import Listing
from ogdc_shared.inputs.packs import Packs
from ogdc_shared.plan import InputFile, Partition, find_manifest, split_pack

AWKWARD = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['{"number": 1, ', '\n{"number": 1, "files": [', "\n[", "]}\n"]
)


def stored(
    sources: Sequence[str], partitions: Sequence[Sequence[int]], *, most: int
) -> tuple[Packs, list[bytes]]:
    with Listing() as listing:
        listing.extend(map(InputFile, sources))
        packs = Packs(listing, partitions, most=most)
        return packs, list(packs.sealed())


@given(st.lists(AWKWARD, min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 12))
def test_each_partition_is_found_in_its_pack(sources: list[str], size: int, most: int) -> None:
    partitions = [range(len(sources))[at : at + size] for at in range(0, len(sources), size)]
    packs, objects = stored(sources, partitions, most=most)
    assert packs.per_pack <= most
    for number, positions in enumerate(partitions):
        pack, proof = split_pack(objects[number // packs.per_pack])
        assert root_of(pack, json.loads(proof)) == packs.root
        manifest = find_manifest(pack, number)
        assert manifest is not None
        files = tuple(InputFile(sources[position]) for position in positions)
        assert Partition.from_json(manifest) == Partition(number, files)


def test_a_partition_of_another_pack_is_not_found() -> None:
    _, objects = stored("abcdefghijkl", [[n] for n in range(12)], most=10)
    first, last = (split_pack(each)[0] for each in objects)
    assert [number for number in range(120) if find_manifest(first, number)] == list(range(10))
    assert [number for number in range(120) if find_manifest(last, number)] == [10, 11]


def test_a_manifest_of_the_previous_version_is_a_separate_pack() -> None:
    manifest = Partition(7, (InputFile("a"),)).to_json().encode()
    assert find_manifest(manifest, 7) == find_manifest(manifest, None) == manifest
    assert find_manifest(manifest, 8) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("partitions", "length", "most", "per_pack"),
    [
        (10_000, 100, 100, 100),
        (200, 9_900, 200, 105),
        (200, 50_000, 100, 20),
        (3, 4_000_000, 100, 1),
        (1, 9, 1, 1),
    ],
)
def test_a_pack_stays_small(partitions: int, length: int, most: int, per_pack: int) -> None:
    """A task downloads the whole of it, for the one partition that it wants."""
    with Listing() as listing:
        listing.extend(InputFile("x" * length) for _ in range(partitions))
        packs = Packs(listing, [[number] for number in range(partitions)], most=most)
        assert packs.per_pack == pytest.approx(per_pack, rel=0.1)
