"""The three stages together: the same result however files and blocks are divided, and complete."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_shared.errors import InputError, InvalidRecipeError
from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_shared.visualization.reading import read_config
from ogdc_visualization.products.web_page import can_write_page
from ogdc_visualization.stages.build import build
from ogdc_visualization.stages.paint import paint
from ogdc_visualization.stages.scatter import scatter
from ogdc_visualization.stages.top import top
from support.effort import THOROUGH

SIDE = 180 / 2**6
"""Of a tile at level 6, in degrees."""


def config(**changes: Any) -> VisualizationConfig:
    count = {"name": "count", "weight_by": "count", "property": "centroids_per_pixel"}
    depth = {"name": "depth", "weight_by": "area", "property": "depth", "val_range": [0, 30], "nodata_val": 0}
    statistics = [
        count | {"resampling_method": "sum"},
        depth | {"aggregation_method": "max", "resampling_method": "max"},
    ]
    keys = {"ext_input": ".gpkg", "z_range": [0, 6], "tile_size": [16, 16], "statistics": statistics}
    return read_config(json.dumps({**keys, **changes}))


def write_input(path: Path, polygons: list[shapely.Geometry], **columns: list[Any]) -> None:
    values = {"depth": [1.5 + row for row in range(len(polygons))], **columns}
    path.parent.mkdir(parents=True, exist_ok=True)
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(polygons, object)),
        field_data=[np.array(each) for each in values.values()],
        fields=list(values),
        driver="GPKG",
        geometry_type="Unknown",
        crs="EPSG:4326",
    )


def make_inputs(directory: Path) -> None:
    lakes = [shapely.Point(-50 + 0.9 * n, 69 + 0.3 * n).buffer(0.3 + 0.02 * n) for n in range(12)]
    write_input(directory / "a.gpkg", lakes[:5])
    write_input(directory / "b.gpkg", lakes[5:], name=[f"lake {n}" for n in range(7)])
    write_input(directory / "c.gpkg", [shapely.box(100, -20, 101, -19)])


def link(left: list[Path], inputs: Path) -> list[Path]:
    """Put what tasks have left where the next stage finds it, as the worker does; return the keys."""
    for number, task in enumerate(left):
        for key in filter(Path.is_dir, task.iterdir()):
            if key.name != "result":
                (inputs / key.name).mkdir(parents=True, exist_ok=True)
                (inputs / key.name / str(number)).symlink_to(key)
    return sorted(inputs.iterdir())


def link_whole(stage: str, left: list[Path], inputs: Path) -> None:
    """Put all that tasks of a stage have left beside the keys, as the worker does."""
    (inputs / stage).mkdir(parents=True)
    for number, task in enumerate(left):
        (inputs / stage / str(number)).symlink_to(task)


def shares(keys: list[Path], work: Path, *, apart: bool) -> list[Path]:
    """Return the inputs of the tasks that keys are divided among."""
    groups = [[key] for key in keys] if apart else [keys]
    for number, group in enumerate(groups):
        (work / str(number)).mkdir(parents=True)
        for key in group:
            (work / str(number) / key.name).symlink_to(key)
    return [work / str(number) for number in range(len(groups))]


def run(
    settings: VisualizationConfig,
    inputs: Path,
    work: Path,
    *,
    apart: bool,
    most: int | None = None,
    footprints: Path | None = None,
) -> tuple[Path, list[str]]:
    """Make a map by one task a stage, or by one for each file and three for the blocks.

    `most` is what a block may weigh.
    """
    warnings: list[str] = []
    scattered = []
    for number, part in enumerate(shares(sorted(inputs.iterdir()), work / "in", apart=apart)):
        scattered.append(work / f"scattered{number}")
        scatter(settings, part, scattered[-1], warnings.append, footprints)
    built = []
    among = 3 if apart else 1
    for number in range(among):
        link_whole(f"{number}-of-{among}", scattered, work / f"own{number}")
        built.append(work / f"built{number}")
        build(settings, work / f"own{number}", built[-1], most=most)
    blocks = link(built, work / "facts")
    painted = []
    for number, own in enumerate(shares(blocks, work / "paint", apart=apart) if settings.waits else ()):
        painted.append(work / f"painted{number}")
        link_whole("build", built, own)
        paint(settings, own, painted[-1])
    [rest] = shares(blocks, work / "rest", apart=False)
    link_whole("build", built, rest)
    link_whole("paint", painted, rest)
    top(settings, rest, work / "top", warnings.append)
    result = work / "published"
    for root in [*(each / "result" for each in (*built, *painted)), work / "top"]:
        for file in filter(Path.is_file, root.rglob("*")):
            target = result / file.relative_to(root)
            assert not target.exists(), f"{target} has two writers"
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)
    return result, warnings


def contents(result: Path) -> dict[str, bytes]:
    timed = {"item.json", "staging_summary.csv", "rasterization_events.csv"}  # which say when
    files = {path.relative_to(result).as_posix(): path for path in result.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name not in timed}


def band(result: Path, level: int, name: str) -> np.ndarray:
    """All cells of a level's tiles."""
    number = 1 + ["count", "depth"].index(name)
    found = []
    for path in sorted((result / f"geotiff/WGS1984Quad/{level}").rglob("*.tif")):
        with rasterio.open(path) as file:
            found.append(file.read(number))
    return np.array(found)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    make_inputs(tmp_path / "inputs")
    return tmp_path / "inputs"


@pytest.mark.slow
def test_the_division_of_the_work_changes_nothing(inputs: Path, tmp_path: Path) -> None:
    settings = config(enable_cogs=True, enable_pmtiles=True)
    together, _ = run(settings, inputs, tmp_path / "together", apart=False)
    apart, _ = run(settings, inputs, tmp_path / "apart", apart=True)
    assert contents(together) == contents(apart)


@pytest.mark.slow
@pytest.mark.parametrize("most", [1, 1 << 17, 1 << 30])
def test_the_size_of_blocks_changes_nothing(inputs: Path, tmp_path: Path, most: int) -> None:
    once, _ = run(config(), inputs, tmp_path / "once", apart=False)
    again, _ = run(config(), inputs, tmp_path / "again", apart=most > 1, most=most)
    assert contents(once) == contents(again)


RINGS = st.lists(st.tuples(st.floats(-4, 4), st.floats(-2, 2)), min_size=3, max_size=9)
"""Corners of polygons, around a middle; one that crosses itself is repaired."""
PLACES = st.lists(st.tuples(st.floats(-60, -40), st.floats(60, 70), RINGS), min_size=1, max_size=9)


@pytest.mark.slow
@settings(max_examples=100 if THOROUGH else 6)
@given(PLACES, st.integers(1, 1 << 20), st.randoms(use_true_random=False))
def test_polygons_are_counted_once_at_each_level_however_they_are_divided(
    tmp_path_factory: pytest.TempPathFactory,
    places: list[tuple[float, float, list[tuple[float, float]]]],
    most: int,
    chance: random.Random,
) -> None:
    work = tmp_path_factory.mktemp("work")
    rings = [shapely.Polygon([(x + dx, y + dy) for dx, dy in ring]) for x, y, ring in places]
    shapes = [shapely.box(-50, 64.6, -49.9, 64.7), *(ring for ring in rings if ring.area > 1e-9)]
    found = []
    for number in range(2):
        names = [chance.choice("abc") for _ in shapes] if number else ["a"] * len(shapes)
        for name in sorted(set(names)):
            own = [shape for shape, at in zip(shapes, names, strict=True) if at == name]
            write_input(work / f"inputs{number}/{name}.gpkg", own, depth=[1.0] * len(own))
        result, _ = run(
            config(z_range=[0, 4], enable_web_tiles=False, enable_3dtiles=False),
            work / f"inputs{number}",
            work / str(number),
            apart=bool(number),
            most=most,
        )
        found.append({path.relative_to(result): path.read_bytes() for path in result.rglob("*.tif")})
        sums = [band(result, level, "count").sum() for level in range(5)]
        assert sums == [sums[0]] * 5
    assert found[0] == found[1]
    assert sums[0] >= 1


@pytest.mark.slow
def test_a_polygon_around_a_tile_that_holds_its_centroid_is_counted_and_shown_there(tmp_path: Path) -> None:
    x, y = -50 // SIDE * SIDE, 70 // SIDE * SIDE  # the corner of a tile
    around = shapely.box(x - 1, y - 1, x + SIDE + 1, y + SIDE + 1)
    ring = around - shapely.box(x - 0.5, y - 0.5, x + SIDE + 0.5, y + SIDE + 0.5)
    write_input(tmp_path / "inputs/ring.gpkg", [ring])
    result, _ = run(config(), tmp_path / "inputs", tmp_path / "work", apart=True)
    assert [band(result, level, "count").sum() for level in range(7)] == [1] * 7
    assert len(list(result.rglob("*.b3dm"))) == 1


@pytest.mark.slow
def test_centroids_on_edges_of_tiles_are_counted_once(tmp_path: Path) -> None:
    x, y = -50 // SIDE * SIDE, 70 // SIDE * SIDE
    corners = [(x, y), (x, y + SIDE / 2), (x + SIDE / 2, y), (x + 1e-14, y - 1e-14)]
    boxes = [shapely.box(a - 0.25, b - 0.25, a + 0.25, b + 0.25) for a, b in corners]
    write_input(tmp_path / "inputs/edges.gpkg", boxes)
    result, _ = run(config(), tmp_path / "inputs", tmp_path / "work", apart=True)
    assert [band(result, level, "count").sum() for level in range(7)] == [4] * 7


@pytest.mark.slow
def test_files_without_rows_are_told_of_and_the_others_are_shown(inputs: Path, tmp_path: Path) -> None:
    write_input(inputs / "empty.gpkg", [])
    write_input(inputs / "points.gpkg", [shapely.Point(1, 1)])
    result, warnings = run(config(), inputs, tmp_path / "work", apart=True)
    assert band(result, 6, "count").sum() == 13
    assert "empty.gpkg holds no polygon" in warnings
    assert "points.gpkg holds no polygon that can be shown" in warnings


@pytest.mark.slow
def test_files_are_read_in_batches_that_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lakes = [shapely.Point(-50 + 0.9 * n, 69).buffer(0.3) for n in range(9)]
    write_input(tmp_path / "inputs/a.gpkg", [*lakes, shapely.Point(0, 0)])
    rows = [
        json.dumps(
            {
                "type": "Feature",
                "properties": {"depth": n or None, "name": "x" if n else None},
                "geometry": shapely.geometry.mapping(lake),
            }
        )
        for n, lake in enumerate(lakes)
    ]
    (tmp_path / "inputs/b.geojson").write_text(
        f'{{"type": "FeatureCollection", "features": [{",".join(rows)}]}}'
    )
    for kind in (".gpkg", ".geojson"):
        whole, warned = run(
            config(ext_input=kind), tmp_path / "inputs", tmp_path / f"whole{kind}", apart=False
        )
        with monkeypatch.context() as patch:
            patch.setattr("ogdc_visualization.staging.rows._MAX_ROWS", 2)
            parts, again = run(
                config(ext_input=kind), tmp_path / "inputs", tmp_path / f"parts{kind}", apart=True
            )
        assert contents(whole) == contents(parts)
        assert set(warned) <= set(again)


@pytest.mark.slow
def test_sums_are_the_same_at_all_levels_and_count_every_polygon(inputs: Path, tmp_path: Path) -> None:
    result, warnings = run(config(), inputs, tmp_path / "work", apart=True)
    assert [band(result, level, "count").sum() for level in range(7)] == [13] * 7
    assert [band(result, level, "depth").max() for level in range(7)] == [7.5] * 7
    assert not [each for each in warnings if "OpenLayers" not in each]


@pytest.mark.slow
def test_every_output_is_there(inputs: Path, tmp_path: Path) -> None:
    result, _ = run(config(), inputs, tmp_path / "work", apart=False)
    files = contents(result)
    tifs = [name for name in files if name.endswith(".tif")]
    pngs = [name for name in files if name.endswith(".png") and name != "preview.png"]
    assert len(pngs) == 2 * len(tifs)
    assert ("index.html" in files) == can_write_page()
    assert {"WMTSCapabilities.xml", "preview.png", "3dtiles/tileset.json"} <= files.keys()
    item = json.loads((result / "item.json").read_text())
    assert all((result / asset["href"]).is_file() for asset in item["assets"].values())
    with (result / "staging_summary.csv").open() as file:
        staged = sum(int(row["num_polygons"]) for row in csv.DictReader(file))
    rows = [pyogrio.read_info(result / name)["features"] for name in files if name.endswith(".gpkg")]
    assert sum(rows) == staged


@pytest.mark.slow
def test_every_3d_tile_is_reached_from_the_tileset(inputs: Path, tmp_path: Path) -> None:
    result, _ = run(config(), inputs, tmp_path / "work", apart=True)

    def reach(document: Path) -> set[Path]:
        nodes, found = [json.loads(document.read_text())["root"]], set()
        while nodes:
            node = nodes.pop()
            nodes += node.get("children", [])
            if "content" in node:
                path = (document.parent / node["content"]["uri"]).resolve()
                found |= reach(path) if path.suffix == ".json" else {path}
        return found

    assert reach(result / "3dtiles/tileset.json") == {path.resolve() for path in result.rglob("*.b3dm")}


@pytest.mark.slow
def test_what_is_switched_off_is_not_made(inputs: Path, tmp_path: Path) -> None:
    settings = config(enable_raster=False, enable_web_tiles=False, enable_3dtiles=False)
    result, _ = run(settings, inputs, tmp_path / "work", apart=False)
    assert {Path(name).suffix for name in contents(result)} == {".gpkg"}


@pytest.mark.slow
def test_odd_features_are_shown_or_told_of(tmp_path: Path) -> None:
    box = shapely.box(10, 10, 11, 11)
    bowtie = shapely.Polygon([(20, 10), (21, 11), (21, 10), (20, 11)])
    several = shapely.MultiPolygon([shapely.box(30, 10, 31, 11), shapely.box(33, 10, 34, 11)])
    crossing = shapely.Polygon([(179.9, 10), (-179.9, 10), (-179.9, 11), (179.9, 11)])
    shapes = [box, bowtie, several, crossing, shapely.Point(5, 5)]
    write_input(tmp_path / "inputs/odd.gpkg", shapes, other=[1.0, np.nan, 1.0, 1.0, 1.0])
    result, warnings = run(config(), tmp_path / "inputs", tmp_path / "work", apart=False)
    assert band(result, 6, "count").sum() == 4
    columns = {int(path.parent.name) for path in result.glob("geotiff/WGS1984Quad/6/*/*.tif")}
    assert {0, 127} <= columns
    assert len(columns) < 12
    assert any("1 row has a geometry other than a polygon (row 4)" in warning for warning in warnings)
    assert any("was repaired because of an invalid geometry (row 1)" in warning for warning in warnings)


def test_a_missing_column_is_named_with_those_there_are(inputs: Path, tmp_path: Path) -> None:
    statistic = {"name": "x", "weight_by": "area", "property": "volume"}
    with pytest.raises(InputError, match=r"a\.gpkg has no column 'volume'.*it has: depth"):
        run(config(statistics=[statistic]), inputs, tmp_path / "work", apart=False)


def test_a_palette_that_is_none_is_named_with_its_statistic(inputs: Path, tmp_path: Path) -> None:
    statistic = {"name": "coverage", "palette": "nosuch"}
    with pytest.raises(InputError, match=r"'coverage': palette .*nosuch"):
        scatter(config(statistics=[statistic]), inputs, tmp_path / "work", print)


@pytest.mark.slow
def test_tiles_that_are_staged_already_give_the_same(inputs: Path, tmp_path: Path) -> None:
    write_input(inputs / "d.gpkg", [shapely.Point(-50, 69).buffer(0.3)])
    rules = {"deduplicate_method": "neighbor", "deduplicate_keep_rules": [["depth", "larger"]]}
    keys: dict[str, Any] = rules | {"deduplicate_at": ["raster"]}
    whole, _ = run(config(**keys), inputs, tmp_path / "whole", apart=False)
    expected = {
        name: content
        for name, content in contents(whole).items()
        if not name.startswith(("staged/", "map/")) and name not in {"index.html", "config__updated.json"}
    }
    (tmp_path / "tiles").mkdir()
    for number, path in enumerate(sorted((whole / "staged").rglob("*.gpkg"), reverse=True)):
        path.rename(tmp_path / f"tiles/{number}.gpkg")
    again, warnings = run(
        config(enable_stager=False, **keys), tmp_path / "tiles", tmp_path / "again", apart=True
    )
    found = contents(again)
    assert not [each for each in warnings if "OpenLayers" not in each]
    assert not any(name.startswith("staging") for name in (path.name for path in again.rglob("*")))
    assert {name: content for name, content in found.items() if name in expected} == expected


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"z_range": [0, 5]}, "not a tile of level 5"),
        ({"tms_id": "WebMercatorQuad"}, "tiles of WebMercatorQuad have EPSG:3857"),
        ({"prop_area": "size"}, "has no column 'size', so it is not a staged tile"),
        ({"statistics": [{"name": "x", "property": "volume"}]}, "has no column 'volume'"),
    ],
)
def test_tiles_that_are_staged_for_something_else_are_refused(
    tmp_path: Path, keys: dict[str, Any], problem: str
) -> None:
    box = [shapely.box(10, 10, 11, 11)]
    added: dict[str, Any] = {
        "staging_area": [1.0],
        "staging_centroid_x": [10.5],
        "staging_centroid_y": [10.5],
        "staging_filename": ["a.gpkg"],
        "staging_identifier": ["1"],
        "staging_centroid_tile": ["Tile(x=67, y=28, z=6)"],
        "staging_tile": ["Tile(x=67, y=28, z=6)"],
        "staging_centroid_within_tile": [True],
    }
    write_input(tmp_path / "inputs/28.gpkg", box, **added)
    with pytest.raises(InputError, match=problem):
        run(config(enable_stager=False, **keys), tmp_path / "inputs", tmp_path / "work", apart=False)


def test_staged_tiles_of_which_nothing_is_made_are_refused() -> None:
    with pytest.raises(InvalidRecipeError, match="enable_stager"):
        config(enable_stager=False, enable_raster=False, enable_3dtiles=False)


@pytest.mark.slow
def test_duplicates_are_removed_at_the_configured_steps(tmp_path: Path) -> None:
    lakes = [shapely.Point(-50 + 3 * n, 69).buffer(0.4) for n in range(3)]
    write_input(tmp_path / "inputs/a.gpkg", lakes, year=[2020, 2021, 2022])
    write_input(tmp_path / "inputs/b.gpkg", [lakes[1]], year=[2024])
    rules: dict[str, Any] = {"deduplicate_method": "neighbor", "deduplicate_keep_rules": [["year", "larger"]]}
    for steps, staged, counted in (([], 4, 4), (["raster"], 4, 3), (["staging"], 3, 3)):
        keys = rules | {"deduplicate_at": steps}
        result, _ = run(
            config(**keys), tmp_path / "inputs", tmp_path / "-".join(["work", *steps]), apart=False
        )
        found = [pyogrio.raw.read(path) for path in (result / "staged").rglob("*.gpkg")]
        rows = {
            (str(v[f.index("staging_filename")][n]), float(v[f.index("year")][n]))
            for (meta, _, _, v) in found
            for f in [list(meta["fields"])]
            for n in range(len(v[0]))
        }
        assert len(rows) == staged
        assert band(result, 6, "count").sum() == counted
        assert band(result, 0, "count").sum() == counted


def test_the_rules_of_duplicates_name_columns_that_the_files_have(inputs: Path, tmp_path: Path) -> None:
    keys = {"deduplicate_at": ["raster"], "deduplicate_method": "neighbor"}
    settings = config(**keys, deduplicate_keep_rules=[["year", "larger"]])
    with pytest.raises(InputError, match=r"a\.gpkg has no column 'year'.*it has: depth"):
        run(settings, inputs, tmp_path / "work", apart=False)


@pytest.mark.slow
def test_each_raster_has_its_row_of_when_it_was_made(inputs: Path, tmp_path: Path) -> None:
    settings = config(filename_rasterization_events="tables/events.csv")
    result, _ = run(settings, inputs, tmp_path / "work", apart=True)
    with (result / "tables/events.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["path"] for row in rows) == sorted(
        path.relative_to(result).as_posix() for path in result.rglob("*.tif")
    )
    assert [int(row["id"]) for row in rows] == list(range(1, len(rows) + 1))
    assert all(float(row["start_time"]) <= float(row["end_time"]) and not row["error"] for row in rows)
    assert {row["type"] for row in rows if row["z"] == "6"} == {"geotiffs_from_vectors"}


@pytest.mark.slow
def test_what_the_colours_stand_for_is_in_the_updated_configuration(inputs: Path, tmp_path: Path) -> None:
    settings = config(filename_config="output/map.json")
    result, _ = run(settings, inputs, tmp_path / "work", apart=True)
    updated = read_config((result / "output/map__updated.json").read_bytes())
    assert updated.statistics[0].range_at(0) == (0, band(result, 0, "count").max())
    assert not updated.waits
    again, _ = run(updated, inputs, tmp_path / "again", apart=False)
    pictures = {name: content for name, content in contents(result).items() if name.endswith(".png")}
    assert pictures == {name: content for name, content in contents(again).items() if name.endswith(".png")}


@pytest.mark.slow
def test_duplicates_are_the_same_on_both_sides_of_an_edge_between_blocks(tmp_path: Path) -> None:
    """A chain: `b` goes for `a`, so `c`, which is like `b` alone, stays; each end is in a tile of its own."""
    x = -50 // SIDE * SIDE
    boxes = [shapely.box(x - 2 + at, 69, x + at, 70) for at in (0.5, 1.3, 2.1)]
    for name, box in zip("abc", boxes, strict=True):
        write_input(
            tmp_path / f"inputs/{name}.gpkg",
            [box, box.buffer(-0.4)],
            depth=[1.0, 1.0],
            year=[ord(name), ord(name)],
        )
    keys = {
        "deduplicate_at": ["raster"],
        "deduplicate_method": "neighbor",
        "deduplicate_keep_rules": [["year", "smaller"]],
        "deduplicate_overlap_tolerance": 0.4,
    }
    whole, _ = run(config(**keys), tmp_path / "inputs", tmp_path / "whole", apart=False)
    parts, _ = run(config(**keys), tmp_path / "inputs", tmp_path / "parts", apart=True, most=1)
    assert contents(whole) == contents(parts)
    marked: dict[tuple[str, float], set[bool]] = {}
    for path in (parts / "staged").rglob("*.gpkg"):
        meta, _, _, values = pyogrio.raw.read(path)
        columns = dict(zip(meta["fields"], values, strict=True))
        for name, area, is_one in zip(
            columns["staging_filename"], columns["staging_area"], columns["staging_duplicated"], strict=True
        ):
            marked.setdefault((str(name), float(area)), set()).add(bool(is_one))
    assert all(len(each) == 1 for each in marked.values())
    assert {name: each for (name, area), each in marked.items() if area > 1.5} == {
        "a.gpkg": {False},
        "b.gpkg": {True},
        "c.gpkg": {False},
    }


@pytest.mark.slow
def test_footprints_apply_in_blocks_without_polygons_of_their_file(tmp_path: Path) -> None:
    lake = shapely.box(-50, 69, -49, 70)
    write_input(tmp_path / "inputs/old.gpkg", [lake], year=[2020])
    write_input(tmp_path / "inputs/new.gpkg", [shapely.box(20, 69, 21, 70)], year=[2024])
    footprint = shapely.box(-60, 60, 30, 80)
    for name, year in (("old", 2020), ("new", 2024)):
        write_input(tmp_path / f"footprints/{name}.gpkg", [footprint], year=[year])
    keys = {
        "deduplicate_at": ["staging"],
        "deduplicate_method": "footprints",
        "deduplicate_keep_rules": [["year", "larger"]],
    }
    result, _ = run(
        config(**keys),
        tmp_path / "inputs",
        tmp_path / "work",
        apart=True,
        most=1,
        footprints=tmp_path / "footprints",
    )
    assert band(result, 6, "count").sum() == 1
    assert not [
        path for path in result.rglob("*.tif") if "6" in path.parts[-3:-2] and int(path.parent.name) < 60
    ]


def test_a_crs_that_a_file_says_is_its_own_and_another_is_told_of(tmp_path: Path) -> None:
    write_input(tmp_path / "inputs/a.gpkg", [shapely.box(10, 10, 11, 11)])
    for crs, is_warned in (("EPSG:3413", True), ("EPSG:4326", False)):
        warnings: list[str] = []
        scatter(config(input_crs=crs), tmp_path / "inputs", tmp_path / crs, warnings.append)
        assert ("a.gpkg is in EPSG:4326, as it says" in " ".join(warnings)) == is_warned


def test_a_layer_that_is_not_read_and_a_value_that_is_none_are_told_of(tmp_path: Path) -> None:
    boxes = [shapely.box(10, 10, 11, 11), shapely.box(12, 10, 13, 11), shapely.box(14, 10, 15, 11)]
    write_input(tmp_path / "inputs/a.gpkg", boxes, depth=[1.0, np.nan, np.inf])
    for name in ("a", "second"):
        pyogrio.raw.write(
            tmp_path / "inputs/b.gpkg",
            geometry=shapely.to_wkb(np.array(boxes[:1], object)),
            field_data=[np.array([1.0])],
            fields=["depth"],
            layer=name,
            driver="GPKG",
            geometry_type="Polygon",
            crs="EPSG:4326",
            append=(tmp_path / "inputs/b.gpkg").exists(),
        )
    warnings: list[str] = []
    scatter(config(), tmp_path / "inputs", tmp_path / "out", warnings.append)
    assert warnings == [
        "a.gpkg: 2 rows have no number for the statistics of 'depth' (rows 1, 2)",
        "b.gpkg has layers of which the first, 'a', is read, and not second",
    ]


def test_columns_may_be_called_as_those_of_geopackages(tmp_path: Path) -> None:
    boxes = [shapely.box(10, 10, 11, 11), shapely.box(10, 10, 11, 11)]
    features = [
        {"type": "Feature", "properties": {"geom": n, "FID": "same", "depth": 1.0}, "geometry": each}
        for n, each in enumerate(map(shapely.geometry.mapping, boxes))
    ]
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs/a.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": features})
    )
    result, _ = run(config(ext_input=".geojson"), tmp_path / "inputs", tmp_path / "work", apart=False)
    [tile] = (result / "staged").rglob("*.gpkg")
    meta, _, _, values = pyogrio.raw.read(tile)
    columns = dict(zip(meta["fields"], values, strict=True))
    assert columns["geom"].tolist() == [0, 1]
    assert columns["FID"].tolist() == ["same", "same"]


@pytest.mark.parametrize("key", ["input_crs", "deduplicate_distance_crs"])
def test_an_invalid_crs_is_reported_before_reading(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError, match=f"{key}: 'EPSG:nope' is not a CRS"):
        scatter(config(**{key: "EPSG:nope"}), tmp_path / "none", tmp_path / "out", print)


def test_a_map_by_the_defaults_is_made(tmp_path: Path) -> None:
    """The statistics that no configuration gives are not decoded from JSON, as all others are."""
    defaults = msgspec.structs.replace(VisualizationConfig(), ext_input=".gpkg", z_range=(0, 2))
    write_input(tmp_path / "inputs/a.gpkg", [shapely.box(10, 10, 11, 11)])
    result, _ = run(defaults, tmp_path / "inputs", tmp_path / "work", apart=False)
    with rasterio.open(next((result / "geotiff/WGS1984Quad/2").rglob("*.tif"))) as file:
        assert file.descriptions == ("polygon_count", "coverage")


def test_sums_that_no_float_holds_are_refused_by_their_statistic(tmp_path: Path) -> None:
    write_input(tmp_path / "inputs/a.gpkg", [shapely.box(0, 0, 1, 1)] * 2, depth=[1e308, 1e308])
    depth = {"name": "depth", "weight_by": "area", "property": "depth"}
    with pytest.raises(InputError, match=r"Tile\(.*\): a cell of 'depth' does not fit into a 64-bit float"):
        run(config(statistics=[depth]), tmp_path / "inputs", tmp_path / "work", apart=False)
