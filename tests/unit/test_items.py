"""What counts as one input: a file with the files that belong to it, or a directory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.items import Wanted, group, mains_of, may_be_part, members_of

SHAPEFILE = ["lakes.shx", "lakes.dbf", "lakes.prj", "lakes.cpg", "lakes.sbn", "lakes.sbx", "lakes.qix"]


@pytest.mark.parametrize(
    ("main", "parts"),
    [
        ("lakes.shp", [*SHAPEFILE, "lakes.shp.xml"]),
        ("LAKES.SHP", ["LAKES.DBF", "LAKES.shx", "LAKES.SHP.XML"]),
        (
            "a.tif",
            ["a.tif.aux.xml", "a.aux.xml", "a.tif.ovr", "a.tif.msk", "a.tif.msk.ovr", "a.tfw", "a.tifw"],
        ),
        ("a.tiff", ["a.tfw", "a.tifw", "a.tiffw", "a.wld", "a.prj"]),
        ("a.jpg", ["a.jgw", "a.wld", "a.jpg.aux.xml"]),
        ("a.png", ["a.pgw"]),
        ("scene.img", ["scene.hdr", "scene.img.aux.xml", "scene.rrd"]),
        ("scene.img", ["scene.img.hdr"]),
        ("scene.img", ["scene.ige", "scene.rde"]),
        ("scene.mrf", ["scene.idx", "scene.lrc", "scene.mrf.aux.xml"]),
        ("scene.dat", ["scene.hdr"]),
        ("scene", ["scene.hdr"]),
        ("scene.l1b", ["scene.hdr"]),
        ("parcels.tab", ["parcels.dat", "parcels.map", "parcels.id"]),
        ("a.gpkg", ["a.gpkg-wal", "a.gpkg-shm"]),
        ("classes.tif", ["classes.tif.vat.dbf", "classes.tif.vat.cpg"]),
        ("a.rst", ["a.rdc", "a.ref"]),
        ("a.mpr", ["a.mp#", "a.csy", "a.grf"]),
        ("a.grd", ["a.gri"]),
        ("mars.lbl", ["mars.img"]),
        ("a b.c.tif", ["a b.c.tfw"]),
        ("deep.er/a.shp", ["deep.er/a.dbf"]),
    ],
)
def test_parts_belong_to_their_main_file(main: str, parts: list[str]) -> None:
    assert group([*parts, main]) == {main: parts}
    assert all(may_be_part(part) for part in parts)


@pytest.mark.parametrize(
    "names",
    [
        *([part] for part in [*SHAPEFILE, "a.tfw", "a.hdr", "a.tif.ovr", "a.aux.xml", "a.dat"]),
        ["a.tif", "b.tfw", "x/a.tfw"],
        ["a.tif", "a.jpg", "a.shp", "a.gpkg", "a.zip", "a.xml", "a.txt"],
        ["a.jpg", "a.tfw"],
        ["lakes.shp.zip", "lakes.dbf"],
        ["readme", "readme.xml"],
        ["Lakes.shp", "lakes.dbf"],
    ],
)
def test_files_without_their_main_file_and_others_stand_alone(names: list[str]) -> None:
    assert group(names) == {name: [] for name in names}


def test_a_part_of_two_goes_with_the_vector_data() -> None:
    assert group(["a.tif", "a.prj", "a.shp", "a.dbf"]) == {"a.tif": [], "a.shp": ["a.prj", "a.dbf"]}


def test_a_companion_of_two_main_files_is_in_both_items() -> None:
    paths = ["a.shp", "a.prj", "x/a.prj", "a.asc", "a.asc.aux.xml", "a.dbf"]
    assert members_of(paths) == [[0, 1, 5], [2], [3, 1, 4]]
    assert mains_of(paths)["a.prj"] == ["a.shp", "a.asc"]


def test_a_directory_is_an_item_and_part_of_none() -> None:
    names = ["a.gdb", "a.shp", "a.dbf", "b.zarr", "b.zarr.aux.xml", "plain"]
    assert group(names, {"a.gdb", "a.dbf", "b.zarr", "plain"}) == {
        **{"a.gdb": [], "a.shp": [], "a.dbf": [], "b.zarr": ["b.zarr.aux.xml"], "plain": []},
    }


NAMES = st.lists(
    st.builds(
        "{}{}".format,
        st.sampled_from(["a", "A", "b", "a.tif", "x/a", ".h"]),
        st.sampled_from(
            ["", ".shp", ".DBF", ".tif", ".tfw", ".hdr", ".dat", ".tab", ".ovr", ".aux.xml", ".msk.ovr"]
        ),
    ),
    unique=True,
)


@given(NAMES, st.randoms(use_true_random=False))
def test_every_file_is_in_one_item_whatever_the_order(names: list[str], random: object) -> None:
    grouped = group(names)
    assert sorted([*grouped, *(part for parts in grouped.values() for part in parts)]) == sorted(names)
    random.shuffle(names)  # type: ignore[attr-defined]
    again = group(names)
    assert {main: set(parts) for main, parts in again.items()} == {m: set(p) for m, p in grouped.items()}


def test_wanted_items_are_told_by_their_name_in_any_case() -> None:
    wanted = Wanted(["*.shp", "tile_?"])
    assert [wanted.has(name) for name in ("x/LAKES.SHP", "tile_1", "tile_10", "a.tif")] == [
        True,
        True,
        False,
        False,
    ]
    assert Wanted([]).has("anything")
