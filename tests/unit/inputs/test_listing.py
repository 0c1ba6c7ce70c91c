from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.inputs.listing import Listing, measure
from ogdc_shared.inputs.partitioning import UNKNOWN
from ogdc_shared.plan import Checksum, Division, InputFile, Partition, Partitioning, Plan, VolumeInput

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
FILES = st.lists(
    st.builds(
        InputFile,
        source=TEXT,
        kind=st.sampled_from(["url", "recipe", "volume"]),
        name=st.none() | TEXT,
        size=st.none() | st.integers(0, 2**60),
        checksum=st.none() | st.builds(Checksum, algorithm=st.just("md5"), value=TEXT),
    ),
    max_size=20,
)


@pytest.mark.slow
@given(FILES, st.data())
def test_a_manifest_has_the_files_at_its_positions(files: list[InputFile], data: st.DataObject) -> None:
    positions = sorted(data.draw(st.sets(st.sampled_from(range(len(files))))) if files else [])
    with Listing() as listing:
        listing.extend(files)
        manifest = listing.manifest(3, positions)
    assert Partition.from_json(manifest) == Partition(3, tuple(files[position] for position in positions))


@given(FILES)
def test_a_manifest_is_what_a_partition_writes(files: list[InputFile]) -> None:
    with Listing() as listing:
        listing.extend(files)
        manifest = json.loads(listing.manifest(0, range(len(files))))
    assert manifest == json.loads(Partition(0, tuple(files)).to_json())


def test_a_listing_can_be_read_and_continued() -> None:
    first, second = InputFile("a", size=1), InputFile("b")
    with Listing() as listing:
        listing.extend([first])
        assert Partition.from_json(listing.manifest(0, [0])).files == (first,)
        listing.extend([second])
        assert Partition.from_json(listing.manifest(0, [0, 1])).files == (first, second)
        assert len(listing) == 2
        assert list(listing.sizes) == [1, UNKNOWN]


def test_closing_a_listing_removes_its_files() -> None:
    with Listing() as listing:
        listing.extend([InputFile("a")])
    with pytest.raises(ValueError, match="closed file"):
        listing.manifest(0, [0])


@pytest.mark.parametrize(
    ("partitions", "division"),
    [
        ([range(2), range(2, 4)], Division(files=(2, 2), sizes=(11, None))),
        ([[0, 3], [1], [2]], Division(files=(2, 1, 1), sizes=(8, 10, None))),
        ([], Division(files=(), sizes=())),
    ],
)
def test_partitions_are_counted_and_weighed(partitions: list[Sequence[int]], division: Division) -> None:
    assert measure([1, 10, UNKNOWN, 7], partitions) == division


def test_the_total_size_is_known_if_all_sizes_are() -> None:
    assert Division(files=(2, 1), sizes=(11, 4)).total_size() == 15
    assert Division(files=(2, 1), sizes=(11, None)).total_size() is None


def test_a_division_is_read_as_written() -> None:
    division = Division(files=(2, 1), sizes=(11, None))
    assert Division.from_json(division.to_json()) == division


def test_a_plan_is_read_as_written() -> None:
    plan = Plan(
        "tiles",
        commands=(),
        per_file=True,
        volumes=(VolumeInput("dem", "tiles/é", "*.tif"),),
        partitioning=Partitioning(strategy="size", bytes=7, tasks=3, most=9),
    )
    assert Plan.from_json(plan.to_json()) == plan


def divided(sources: list[str], *, size: int, patterns: tuple[str, ...] = ()) -> list[list[str]]:
    with Listing() as listing:
        listing.extend(InputFile(source, size=1) for source in sources)
        partitions = listing.items(patterns).divided(Partitioning(size=size))
        return [[sources[position] for position in positions] for positions in partitions]


def test_partitions_count_items_and_keep_what_belongs_together_together() -> None:
    sources = [
        "h/a.shp",
        "h/b.shp",
        "h/a.dbf?key=1",
        "h/b.dbf",
        "h/c.tif",
        "x/a.prj",
        "h/get?f=d.shp",
        "h/get?f=d.shx",
    ]
    assert divided(sources, size=2) == [
        ["h/a.shp", "h/b.shp", "h/a.dbf?key=1", "h/b.dbf"],
        ["h/c.tif", "x/a.prj"],
        ["h/get?f=d.shp", "h/get?f=d.shx"],
    ]


def test_each_partition_has_the_companions_of_its_items() -> None:
    sources = ["a.shp", "a.prj", "a.asc", "a.dbf"]
    assert divided(sources, size=1) == [["a.shp", "a.prj", "a.dbf"], ["a.prj", "a.asc"]]
    assert divided(sources, size=2) == [sources]
    assert divided(sources, size=1, patterns=("*.asc",)) == [sources]


def test_a_directory_that_is_one_data_set_is_in_one_partition() -> None:
    places = ["x.zarr", "x.zarr/band", "x.zarr", None, "in/Y.GDB", "in", "in/Y.GDB", "z.zarr"]
    with Listing() as listing:
        listing.extend(InputFile("h/0.0", directory=place, size=1) for place in places)
        items = listing.items()
        assert list(items.sizes) == [3, 1, 2, 1, 1]
        partitions = [list(each) for each in items.divided(Partitioning(size=1))]
        assert partitions == [[0, 1, 2], [3], [4, 6], [5], [7]]
        assert [list(each) for each in listing.items(["*.gdb"]).divided(Partitioning(size=1))] == [
            list(range(8))
        ]


def test_a_repeated_url_is_two_items() -> None:
    assert divided(["a.shp", "a.shp", "a.dbf"], size=1) == [["a.shp", "a.dbf"], ["a.shp"]]


def test_files_that_are_not_items_do_not_count_for_partitions() -> None:
    sources = ["r.geojson", "1.tif", "2.tif", "1.tfw", "notes.txt"]
    assert divided(sources, size=1, patterns=("*.TIF",)) == [
        ["r.geojson", "1.tif", "1.tfw", "notes.txt"],
        ["2.tif"],
    ]
    assert divided(["a.geojson", "b.geojson"], size=1, patterns=("*.shp",)) == [["a.geojson"], ["b.geojson"]]


def test_an_item_is_as_large_as_its_files() -> None:
    with Listing() as listing:
        listing.extend(
            [InputFile("a.shp", size=1), InputFile("a.dbf", size=9), InputFile("b.shp"), InputFile("b.shx")]
        )
        assert list(listing.items().sizes) == [10, UNKNOWN]


@given(
    st.lists(st.sampled_from(["a.shp", "a.dbf", "b.dbf", "c.tif", "c.tfw"]), max_size=12), st.integers(1, 4)
)
def test_every_file_is_in_one_partition(sources: list[str], size: int) -> None:
    partitions = divided(sources, size=size)
    assert sorted(name for names in partitions for name in names) == sorted(sources)


KEYS = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 9), st.integers(0, 1000)), min_size=1)


@given(KEYS, st.integers(1, 4))
def test_outputs_with_one_key_stay_in_one_partition(found: list[tuple[str, int, int]], tasks: int) -> None:
    plan = Plan("lakes", (), before="process", by_key=True, partitioning=Partitioning("size", tasks=tasks))
    with Listing() as listing:
        for key, number, size in found:
            file = InputFile(f"/mnt/stage/{number}/{key}", "volume", str(number), directory=key, size=size)
            listing.extend([file])
        partitions = [list(positions) for positions in listing.items_of(plan).divided(plan.partitioning)]
    assert sorted(position for each in partitions for position in each) == list(range(len(found)))
    places = [{found[position][0] for position in each} for each in partitions]
    assert sum(map(len, places)) == len({key for key, _, _ in found})
    assert len(places) <= tasks
