"""Configurations, the grids that recipes bring for them, and what is said of wrong ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import morecantile
import msgspec
import pytest

from ogdc_shared.errors import InvalidRecipeError
from ogdc_shared.visualization.config import TILE_MATRIX_SETS, Statistic, VisualizationConfig
from ogdc_shared.visualization.reading import read_config, render_config
from ogdc_visualization.grid import by_morecantile, load_grid
from ogdc_visualization.stages.feature_store import FeatureStore
from ogdc_visualization.tile_files import tile_template

SIDE = 8_000_200.0


def definition(name: str, levels: int = 4, **changes: Any) -> dict[str, Any]:
    """A grid around the north pole, as morecantile reads it."""
    matrices = [
        {
            "id": str(level),
            "scaleDenominator": SIDE / 256 / 2**level / 0.00028,
            "cellSize": SIDE / 256 / 2**level,
            "cornerOfOrigin": "topLeft",
            "pointOfOrigin": [-4_000_100.0, 4_000_100.0],
            "tileWidth": 256,
            "tileHeight": 256,
            "matrixWidth": 2**level,
            "matrixHeight": 2**level,
        }
        for level in range(levels)
    ]
    crs = "http://www.opengis.net/def/crs/EPSG/0/3413"
    return {"id": name, "title": name, "crs": crs, "tileMatrices": matrices, **changes}


def changed(**values: Any) -> list[dict[str, Any]]:
    """Its levels, each with these values."""
    return [level | values for level in definition("Polar")["tileMatrices"]]


def write_definition(recipe: Path, content: dict[str, Any], name: str = "Polar") -> None:
    (recipe / "tile_matrix_sets").mkdir(exist_ok=True)
    (recipe / f"tile_matrix_sets/{name}.json").write_text(json.dumps(content))


def read(recipe: Path | None, **keys: Any) -> VisualizationConfig:
    return read_config(json.dumps({"z_range": [0, 3], "tms_id": "Polar"} | keys), recipe=recipe)


def test_a_recipe_may_bring_its_grid(tmp_path: Path) -> None:
    write_definition(tmp_path, definition("Polar"))
    assert read(tmp_path).tms_id == "Polar"
    morecantile.TileMatrixSet.model_validate_json((tmp_path / "tile_matrix_sets/Polar.json").read_bytes())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id": "Other"}, "id: is 'Other'"),
        ({"crs": "PROJCS[...]"}, "crs: give a code"),
        ({"tileMatrices": definition("Polar", 3)["tileMatrices"]}, "z_range needs levels 0 to 3"),
        ({"tileMatrices": None}, "is not a tile matrix set"),
        (
            {
                "tileMatrices": [
                    m | {"cornerOfOrigin": "bottomLeft"} for m in definition("Polar")["tileMatrices"]
                ]
            },
            "begin at the upper left",
        ),
        ({"tileMatrices": changed(cornerOfOrigin="bottomLeft")}, "begin at the upper left"),
        ({"tileMatrices": changed(tileHeight=128)}, "must be squares"),
        ({"tileMatrices": changed(cellSize=9.0)}, "four of its tiles must form one tile"),
        ({"tileMatrices": changed(matrixWidth=2)}, "four of its tiles must form one tile"),
    ],
)
def test_a_grid_that_is_no_quadtree_is_named(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    write_definition(tmp_path, definition("Polar") | changes)
    with pytest.raises(InvalidRecipeError, match=rf"tms_id: tile_matrix_sets/Polar\.json: .*{problem}"):
        read(tmp_path)


def test_a_grid_that_nobody_defines_is_named_with_where_it_could_be(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipeError, match=r"'Polar' is not a grid .* as tile_matrix_sets/Polar\.json"):
        read(tmp_path)
    with pytest.raises(InvalidRecipeError, match=r"'Polar' is not a grid"):
        read(None)


def test_a_definition_is_not_looked_for_outside_of_the_recipe(tmp_path: Path) -> None:
    write_definition(tmp_path, definition("Polar"))
    recipe = tmp_path / "recipe"
    recipe.mkdir()
    (recipe / "tile_matrix_sets").symlink_to(tmp_path / "tile_matrix_sets")
    for keys in ({}, {"tms_id": "../tile_matrix_sets/Polar"}):
        with pytest.raises(InvalidRecipeError, match="is not a grid"):
            read(recipe, **keys)
    with pytest.raises(InvalidRecipeError, match="leads out of the output"):
        read(recipe, dir_tile_matrix_sets="../tile_matrix_sets")


def test_the_grid_of_the_permafrost_gateway_is_known() -> None:
    assert read(None, tms_id="UPSArctic3413Quad").max_level == 3
    grid = load_grid("UPSArctic3413Quad")
    assert (grid.crs, grid.west, grid.north, grid.side_at(0) / 256) == (
        "EPSG:3413",
        -4_000_100,
        4_100_100,
        29297.65625,
    )


def test_other_formats_of_pictures_and_staged_tiles_are_refused() -> None:
    for key in ("ext_web_tiles", "ext_staged"):
        with pytest.raises(InvalidRecipeError, match=key):
            read(None, tms_id="WGS1984Quad", **{key: ".jpg"})


def test_a_configuration_is_written_with_the_ranges_of_its_colours() -> None:
    config = read(None, tms_id="WGS1984Quad", title="Lakes")
    ranges = {("polygon_count", 0): (0.0, 9.0), ("polygon_count", 3): (0.0, 2.5), ("coverage", 0): (0.0, 1.0)}
    written = read_config(render_config(config, ranges))
    count, coverage = written.statistics
    assert [count.range_at(level) for level in range(4)] == [(0, 9), (0, None), (0, None), (0, 2.5)]
    assert coverage.range_at(0) == (0, 1)
    assert written.title == "Lakes"


@pytest.mark.parametrize("tms_id", TILE_MATRIX_SETS)
def test_a_grid_is_as_morecantile_has_it(tms_id: str) -> None:
    assert tms_id == "UPSArctic3413Quad" or load_grid(tms_id) == by_morecantile(tms_id)


@pytest.mark.slow
def test_tasks_find_the_grid_of_their_recipe(tmp_path: Path) -> None:
    write_definition(tmp_path, definition("Polar"))
    (tmp_path / "config.json").write_text('{"tms_id": "Polar", "z_range": [0, 3], "ext_input": ".geojson"}')
    ring = [[-50, 69], [-49, 69], [-49, 70], [-50, 69]]
    lake = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    (tmp_path / "inputs").mkdir()
    collection = {"type": "FeatureCollection", "features": [lake]}
    (tmp_path / "inputs/lake.geojson").write_text(json.dumps(collection))
    places = {"INPUT_DIR": tmp_path / "inputs", "OUTPUT_DIR": tmp_path / "polygons", "RECIPE_DIR": tmp_path}
    subprocess.run(
        [sys.executable, "-m", "ogdc_visualization", "scatter"],
        env=os.environ | {name: str(path) for name, path in places.items()} | {"CONFIG_FILE": "config.json"},
        check=True,
    )
    store = FeatureStore([tmp_path / "polygons"])
    [lakes] = store.read(store.leaves.codes)
    assert abs(lakes.features.centroids).max() > 180  # metres of the recipe's grid, no degrees


def documented(heading: str) -> dict[str, str]:
    """Key and default of the rows of a table of the documentation."""
    text = (Path(__file__).parents[3] / "docs/visualization.md").read_text()
    table = text.partition(f"| {heading} | default | what |\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:3]] for row in table.splitlines()[1:]]
    return {key.strip("`"): default.strip("`") for key, default in rows}


def test_the_documentation_has_every_key_with_its_default() -> None:
    expected = json.loads(msgspec.json.encode(VisualizationConfig()))
    found = documented("key")
    assert found.pop("statistics") == "two"
    assert len(expected.pop("statistics")) == 2
    assert {key: json.loads(default) for key, default in found.items()} == expected
    statistic = json.loads(msgspec.json.encode(Statistic(name="x")))
    del statistic["name"]
    of_statistic = documented("key of a statistic")
    assert of_statistic.pop("name") == ""
    assert {key: json.loads(default) for key, default in of_statistic.items()} == statistic


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"simplify_tolerance": -1}, "simplify_tolerance: -1.0 is negative"),
        ({"geometricError": -1}, "geometricError: -1.0 is negative"),
        ({"ext_input": ""}, "ext_input: is empty"),
        (
            {"tile_resolution": 256},
            "tile_resolution: unknown key; similar ones are tile_path_structure, tile_size, "
            "dir_tile_matrix_sets, prop_tile, prop_centroid_tile; "
            "docs/visualization.md lists all of them (Keys of config.json).",
        ),
        (
            {"maximum": 3},
            "maximum: unknown key; docs/visualization.md lists all of them (Keys of config.json).",
        ),
        ({"ext_web_tiles": ".jpg"}, "ext_web_tiles: invalid enum value '.jpg'; possible here: .png."),
        (
            {"deduplicate_keep_rules": [["area", "best"]]},
            "deduplicate_keep_rules[0][1]: invalid enum value 'best'; possible here: larger, smaller.",
        ),
        (
            {"statistics": [{"name": "a", "weight_by": "length"}]},
            "statistics[0].weight_by: invalid enum value 'length'; possible here: count, area.",
        ),
        ({"z_coord": -1e7}, "z_coord: -10000000.0 is not a height"),
        ({"title": "A\0map"}, "title: holds a character that no document can have"),
        ({"dir_staged": "ä" * 128}, "dir_staged: is longer than 255 bytes"),
        ({"filename_config": "."}, "filename_config: '.' is not a name of a file"),
        (
            {"filename_rasters_summary": "item.json"},
            "filename_rasters_summary: 'item.json' is named as",
        ),
        ({"dir_geotiff": "./preview.png/x"}, "dir_geotiff: './preview.png/x' is not a directory"),
        (
            {"filename_rasters_summary": "geotiff"},
            "dir_geotiff: 'geotiff' is not a directory, as geotiff is a",
        ),
        ({"statistics": [{"name": "a" * 101}]}, "statistics[0].name: is longer than 100 characters"),
        (
            {"statistics": [{"name": "a", "z_config": {"03": {}}}]},
            "statistics[0].z_config: '03' is not a level; give a number from 0 to 23",
        ),
        ({"prop_area": "Staging_Tile"}, "prop_tile: 'staging_tile' is also the value of prop_area"),
        (
            {"filename_config": "rasters_summary.csv"},
            "filename_config: 'rasters_summary.csv' is also the value",
        ),
        ({"statistics": []}, "statistics: is empty"),
        ({"statistics": [{"name": "a", "palette": []}]}, "statistics[0].palette: has no colour"),
        (
            {"statistics": [{"name": "a", "z_config": {"low": {}}}]},
            "statistics[0].z_config: 'low' is not a level",
        ),
        (
            {"statistics": [{"name": "a", "z_config": {"3": {"val_range": [2, 1]}}}]},
            "statistics[0].z_config.3.val_range: [2.0, 1.0] is the wrong way round",
        ),
    ],
)
def test_values_that_cannot_be_used_are_named_by_their_keys(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRecipeError) as refused:
        read_config(json.dumps(keys))
    assert f"config.json: {problem}" in str(refused.value)


def test_json_too_deep_to_be_read_is_refused() -> None:
    with pytest.raises(InvalidRecipeError, match=r"config\.json: is not JSON"):
        read_config("[" * 100_000)


def test_urls_of_tiles_are_quoted_but_for_what_stands_for_numbers() -> None:
    config = read_config('{"dir_web_tiles": "maps #1/{z}%41"}')
    found = tile_template(config, config.dir_web_tiles, ".png", style="a b")
    assert found == "maps%20%231/%7Bz%7D%2541/a%20b/WGS1984Quad/{z}/{x}/{y}.png"
