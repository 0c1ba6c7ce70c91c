"""Inputs on volumes: found by pattern, checked, linked, and never left as links in a result."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import InputNotFoundError, UnusableInputError
from ogdc_shared.inputs.listing import Listing
from ogdc_shared.plan import InputFile, Partitioning, Plan, VolumeInput
from ogdc_worker.process.volumes import check_files, link_files, replace_links, whole_outputs
from ogdc_worker.search import find_files, find_keys, find_shares
from support.trees import plant, tree

CONTENT = {
    "a.tif": b"1",
    "a/b.tif": b"22",
    "a/deep/c.tif": b"333",
    "a/deep/.d.tif": b"4444",
    "a/deep/notes.txt": b"55555",
    "b/e.TIF": b"666666",
    "empty": None,
}


@pytest.fixture
def volumes(tmp_path: Path) -> Path:
    plant(tmp_path / "dem", CONTENT)
    plant(tmp_path / "other", {"f.tif": b"7"})
    return tmp_path


def found(volumes: Path, *inputs: VolumeInput) -> list[str]:
    """Paths below the volumes' parent."""
    files = find_files(inputs, lambda claim: str(volumes / claim))
    return [str(PurePosixPath(file.source).relative_to(volumes)) for file in files]


@pytest.mark.parametrize(
    ("path", "glob", "names"),
    [
        ("", "*.tif", ["a.tif", "a/b.tif", "a/deep/.d.tif", "a/deep/c.tif"]),
        ("", "*", ["a.tif", "a/b.tif", "a/deep/.d.tif", "a/deep/c.tif", "a/deep/notes.txt", "b/e.TIF"]),
        ("", "**", ["a.tif", "a/b.tif", "a/deep/.d.tif", "a/deep/c.tif", "a/deep/notes.txt", "b/e.TIF"]),
        ("a", "*.tif", ["a/b.tif", "a/deep/.d.tif", "a/deep/c.tif"]),
        ("a/deep", "[cd].*", ["a/deep/c.tif"]),
        ("", "deep/*.tif", ["a/deep/.d.tif", "a/deep/c.tif"]),
        ("", "a/**/c.tif", ["a/deep/c.tif"]),
        ("", "a/**/b.tif", ["a/b.tif"]),
        ("", "?.T*", ["b/e.TIF"]),
    ],
)
def test_files_are_found_at_any_depth_in_the_order_of_their_paths(
    volumes: Path, path: str, glob: str, names: list[str]
) -> None:
    assert found(volumes, VolumeInput("dem", path, glob)) == [f"dem/{name}" for name in names]


def test_a_companion_is_found_for_each_of_its_main_files(volumes: Path) -> None:
    plant(volumes / "two", dict.fromkeys(("a.asc", "a.dbf", "a.prj", "a.shp"), b"1"))
    assert found(volumes, VolumeInput("two", "", "*.asc")) == ["two/a.asc", "two/a.prj"]
    assert found(volumes, VolumeInput("two", "", "*.shp")) == ["two/a.dbf", "two/a.prj", "two/a.shp"]


NAMES = st.sampled_from(["a", "b", "ab", "a.b", "c*", "[a]", "A"])


@given(
    paths=st.sets(st.lists(NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=12),
    glob=st.lists(st.sampled_from(["*", "a*", "?", "[!a]*", "*.b", "ab", "c[*]"]), min_size=1, max_size=3),
)
def test_a_pattern_finds_what_pathlib_finds(
    tmp_path_factory: pytest.TempPathFactory, paths: set[str], glob: list[str]
) -> None:
    top = tmp_path_factory.mktemp("glob")
    for path in paths:
        target = top / "claim" / path
        if not any(parent.is_file() for parent in target.parents) and not target.exists():
            plant(top / "claim", {path: b""})
    expected = {path for path in (top / "claim").rglob("/".join(glob)) if path.is_file()}
    try:
        sources = [
            file.source
            for file in find_files([VolumeInput("claim", "", "/".join(glob))], lambda _: f"{top}/claim")
        ]
    except InputNotFoundError:
        sources = []
    assert sources == sorted(map(str, expected))


def test_a_file_of_two_inputs_is_taken_once(volumes: Path) -> None:
    inputs = (
        VolumeInput("dem", "a", "*.tif"),
        VolumeInput("other", "", "*"),
        VolumeInput("dem", "", "*.tif"),
    )
    names = ["dem/a/b.tif", "dem/a/deep/.d.tif", "dem/a/deep/c.tif", "other/f.tif", "dem/a.tif"]
    assert found(volumes, *inputs) == names


def test_links_to_files_count_and_links_to_directories_do_not(volumes: Path) -> None:
    plant(volumes / "dem/empty", {"file.tif": "../a.tif", "directory": "../a", "dangling.tif": "nowhere"})
    assert found(volumes, VolumeInput("dem", "empty", "*.tif")) == ["dem/empty/file.tif"]


def test_broken_links_and_empty_files_cause_a_warning(volumes: Path) -> None:
    plant(volumes / "dem/empty", {"sub/dangling.tif": "nowhere", "none.tif": b"", "other.csv": "nowhere"})
    warnings: list[tuple[str, str]] = []
    inputs = [VolumeInput("dem", "empty", "*.tif")]
    files = find_files(inputs, lambda claim: str(volumes / claim), warn=lambda *each: warnings.append(each))
    assert [os.path.basename(file.source) for file in files] == ["none.tif"]
    assert warnings == [
        ("empty_input", "the input 'none.tif' is empty: it has no byte"),
        ("lost_input", "the input 'sub/dangling.tif' is left out: it is a link that leads nowhere"),
    ]


def test_what_is_empty_on_purpose_is_not_warned_of(volumes: Path) -> None:
    plant(volumes / "dem/empty", {"a.gpkg": b"1", "a.gpkg-wal": b"", "_SUCCESS": b"", "sub/.gitkeep": b""})
    warnings: list[tuple[str, str]] = []
    inputs = [VolumeInput("dem", "empty", "*")]
    list(find_files(inputs, lambda claim: str(volumes / claim), warn=lambda *each: warnings.append(each)))
    assert warnings == []


def test_an_input_of_links_that_lead_nowhere_is_reported(volumes: Path) -> None:
    plant(volumes / "dem/empty", {"a.tif": "nowhere"})
    with pytest.raises(InputNotFoundError, match=r"are links that lead nowhere: 'a\.tif'"):
        found(volumes, VolumeInput("dem", "empty", "*.tif"))


SHAPEFILE: dict[str, bytes | str | None] = {
    f"shp/lakes.{e}": b"1" for e in ("DBF", "prj", "shp", "shp.xml", "shx")
}


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("*.shp", sorted(SHAPEFILE)),
        ("*.dbf", ["shp/rivers.dbf"]),
        ("*.tif", ["tif/a.tfw", "tif/a.tif", "tif/a.tif.aux.xml"]),
        ("*.gdb", ["sets/x.gdb"]),
        ("sets/*", ["sets/x.gdb", "sets/y.zarr"]),
        ("*.zgroup", ["sets/y.zarr/.zgroup"]),
        ("sets/", ["sets"]),
        ("*/", ["sets", "shp", "tif"]),
    ],
)
def test_what_belongs_to_a_file_comes_along_and_a_data_set_is_taken_whole(
    tmp_path: Path, glob: str, names: list[str]
) -> None:
    beside: dict[str, bytes | str | None] = {
        **{"shp/rivers.dbf": b"", "sets/x.gdb/a.gdbtable": b"12", "sets/y.zarr/.zgroup": b""},
        **{"tif/a.tif": b"", "tif/a.tfw": b"", "tif/a.tif.aux.xml": b"", "tif/b.tfw": b""},
    }
    plant(tmp_path / "dem", SHAPEFILE | beside)
    assert found(tmp_path, VolumeInput("dem", "", glob)) == [f"dem/{name}" for name in names]


def test_a_part_or_a_data_set_of_two_inputs_is_taken_once(tmp_path: Path) -> None:
    plant(tmp_path / "dem", SHAPEFILE | {"a.gdb/t.gdbtable": b"12"})
    inputs = [VolumeInput("dem", "", glob) for glob in ("*.shp", "*.gdb", "*")]
    sources = found(tmp_path, *inputs)
    assert sources == [*(f"dem/{name}" for name in sorted(SHAPEFILE)), "dem/a.gdb"]
    files = find_files(inputs[1:2], lambda claim: str(tmp_path / claim))
    assert [file.size for file in files] == [2]


def test_sizes_are_those_of_the_files(volumes: Path) -> None:
    files = find_files([VolumeInput("dem", "a", "*.tif")], lambda claim: str(volumes / claim))
    assert [(file.kind, file.size) for file in files] == [("volume", 2), ("volume", 4), ("volume", 3)]


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (VolumeInput("dem", "c", "*"), "The volume dem has no directory 'c'"),
        (VolumeInput("dem", "a.tif", "*"), "The volume dem has no directory 'a.tif'"),
        (
            VolumeInput("dem", "a", "*.nc"),
            r"below 'a' on the volume dem matches '\*.nc'. There are others, such as",
        ),
        (VolumeInput("dem", "empty", "*"), "There is no file at all"),
    ],
)
def test_an_input_without_files_is_reported(volumes: Path, volume: VolumeInput, message: str) -> None:
    with pytest.raises(InputNotFoundError, match=message):
        found(volumes, VolumeInput("dem", "", "*"), volume)


def test_a_name_that_is_not_utf_8_is_reported(volumes: Path) -> None:
    (volumes / "dem/a" / os.fsdecode(b"gr\xf6nland.tif")).write_bytes(b"")
    with pytest.raises(UnusableInputError, match="not UTF-8"):
        found(volumes, VolumeInput("dem", "", "*.tif"))


def test_files_that_changed_since_they_were_listed_are_refused(volumes: Path) -> None:
    path = str(volumes / "dem/a.tif")
    check_files([InputFile(path, kind="volume", size=1)])
    with pytest.raises(UnusableInputError, match="has 1 bytes, but had 2"):
        check_files([InputFile(path, kind="volume", size=2)])
    with pytest.raises(InputNotFoundError, match="no longer exists"):
        check_files([InputFile(f"{path}x", kind="volume", size=1)])


def test_a_directory_is_linked_as_it_is(volumes: Path, tmp_path: Path) -> None:
    plant(tmp_path, {"input_dir": None})
    file = InputFile(str(volumes / "dem/a"), kind="volume", size=7)
    check_files([file])
    link_files([file], str(tmp_path / "input_dir"))
    assert tree(tmp_path / "input_dir") == {"a": file.source}


def test_files_are_linked_under_their_names(volumes: Path, tmp_path: Path) -> None:
    files = [InputFile(str(volumes / name), kind="volume") for name in ("dem/a.tif", "other/f.tif")]
    plant(tmp_path, {"input_dir": None})
    for _ in range(2):
        link_files(files, str(tmp_path / "input_dir"))
    assert tree(tmp_path / "input_dir") == {"a.tif": files[0].source, "f.tif": files[1].source}


def test_two_files_of_one_name_are_refused_with_both(volumes: Path, tmp_path: Path) -> None:
    plant(volumes, {"other/a.tif": b"", "input_dir": None})
    files = [InputFile(str(volumes / name), kind="volume") for name in ("dem/a.tif", "other/a.tif")]
    with pytest.raises(UnusableInputError, match=r"the name 'a.tif': '.*dem/a.tif' and '.*other/a.tif'"):
        link_files(files, str(tmp_path / "input_dir"))


def test_links_to_volumes_become_copies_and_no_other_do(volumes: Path, tmp_path: Path) -> None:
    plant(
        tmp_path / "outputs",
        {
            "whole.tif": str(volumes / "dem/a.tif"),
            "deep/part.tif": str(volumes / "dem/a/b.tif"),
            "deep/directory": str(volumes / "dem/a"),
            "gone": str(volumes / "dem/gone"),
            "beside": "whole.tif",
            "outside": "/etc/passwd",
        },
    )
    replace_links(str(tmp_path / "outputs"), volumes=f"{volumes}/")
    assert tree(tmp_path / "outputs") == {
        "whole.tif": b"1",
        "deep": None,
        "deep/part.tif": b"22",
        "deep/directory": str(volumes / "dem/a"),
        "gone": str(volumes / "dem/gone"),
        "beside": "whole.tif",
        "outside": "/etc/passwd",
    }


def test_keys_are_the_directories_at_the_top_of_what_a_stage_left(tmp_path: Path) -> None:
    plant(tmp_path / "0/output_dir", {"b/2": b"22", "b/deep/1": b"1", "a/x": b"", "summary.json": b"{}"})
    plant(tmp_path / "10/output_dir", {"b/2": b"4444", "link": "b"})
    plant(tmp_path / "2/output_dir", {"nothing.json": b"{}", "result/b/tile": b"for whom reads it whole"})
    found = list(find_keys("process", str(tmp_path)))
    assert [(each.directory, each.name, each.size) for each in found] == [
        ("a", "0", 0),
        ("b", "0", 3),
        ("b", "10", 4),
    ]
    (tmp_path / "inputs").mkdir()
    link_files(found, str(tmp_path / "inputs"))
    assert (tmp_path / "inputs/b/10/2").read_bytes() == b"4444"
    assert (tmp_path / "inputs/b/0/deep/1").read_bytes() == b"1"
    assert {each.size for each in find_keys("process", str(tmp_path), measured=False)} == {None}


def test_a_stage_is_read_whole_task_by_task(tmp_path: Path) -> None:
    plant(tmp_path / "build/0/output_dir", {"ranges.json": b"0", "result/b": b"tile"})
    plant(tmp_path / "build/10/output_dir", {"ranges.json": b"10"})
    plant(tmp_path / "build/2/output_dir", {})
    (tmp_path / "build/2/output_dir").mkdir(parents=True, exist_ok=True)
    found = list(whole_outputs(["build"], str(tmp_path)))
    assert [(each.directory, each.name) for each in found] == [
        ("build", "0"),
        ("build", "2"),
        ("build", "10"),
    ]
    check_files(found)
    (tmp_path / "inputs").mkdir()
    link_files(found, str(tmp_path / "inputs"))
    assert (tmp_path / "inputs/build/10/ranges.json").read_bytes() == b"10"
    assert (tmp_path / "inputs/build/0/result/b").read_bytes() == b"tile"


def test_a_stage_without_a_key_is_named(tmp_path: Path) -> None:
    plant(tmp_path / "0/output_dir", {"summary.json": b"{}"})
    with pytest.raises(InputNotFoundError, match="The stage process has found nothing for the next one"):
        list(find_keys("process", str(tmp_path)))


@pytest.mark.parametrize(
    ("how", "shares"),
    [
        (Partitioning(), 1),
        (Partitioning(tasks=9, bytes=4), 3),
        (Partitioning(tasks=2, bytes=4), 2),
        (Partitioning(tasks=9, bytes=99), 1),
    ],
)
def test_each_share_has_all_that_a_stage_left(tmp_path: Path, how: Partitioning, shares: int) -> None:
    plant(tmp_path / "0/output_dir", {"a/x": b"12345", "b": b"6"})
    plant(tmp_path / "10/output_dir", {"a/y": b"1234567"})
    (tmp_path / "2/output_dir").mkdir(parents=True)
    found = list(find_shares("process", how, str(tmp_path)))
    places = [f"{share}-of-{shares}" for share in range(shares)]
    assert [(each.directory, each.name) for each in found] == [
        (place, number) for place in places for number in ("0", "10")
    ]
    (tmp_path / "inputs").mkdir()
    link_files(found, str(tmp_path / "inputs"))
    assert (tmp_path / f"inputs/{places[-1]}/10/a/y").read_bytes() == b"1234567"
    plan = Plan("lakes", (), before="process", shares=True, partitioning=how._replace(size=1))
    with Listing() as listing:
        listing.extend(found)
        partitions = [list(positions) for positions in listing.items_of(plan).divided(plan.partitioning)]
    assert sorted(partitions) == [[2 * share, 2 * share + 1] for share in range(shares)]


def test_a_stage_that_left_nothing_to_share_is_named(tmp_path: Path) -> None:
    (tmp_path / "0/output_dir").mkdir(parents=True)
    with pytest.raises(InputNotFoundError, match="The stage process has found nothing for the next one"):
        list(find_shares("process", Partitioning(), str(tmp_path)))


def test_files_can_keep_their_places(volumes: Path, tmp_path: Path) -> None:
    volume = VolumeInput("dem", "a", "*.tif")
    found = find_files([volume], lambda claim: str(volumes / claim), placed=True)
    assert [(file.directory, Path(file.source).name) for file in found] == [
        (None, "b.tif"),
        ("deep", ".d.tif"),
        ("deep", "c.tif"),
    ]


def test_metadata_of_published_data_are_not_inputs(volumes: Path) -> None:
    crate = {".provenance/ro-crate-metadata.json": b"{}", ".provenance/files.csv": b""}
    plant(volumes / "dem/published", crate | {"a.tif": b"", "deep/.provenance/own.tif": b""})
    assert found(volumes, VolumeInput("dem", "published", "*")) == [
        "dem/published/a.tif",
        "dem/published/deep/.provenance/own.tif",
    ]
