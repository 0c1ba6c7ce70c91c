"""Recipes of tiles for maps, through the command line: one result, however it is divided or interrupted."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ogdc_visualization.products.web_page import can_write_page
from support.crates import outputs_alone
from support.effort import THOROUGH
from support.http import FileServer
from support.recipes import inputs, make_recipe
from support.stack import Stack, wait_until
from support.trees import tree

CONFIG: dict[str, Any] = {
    "ext_input": ".gpkg",
    "dir_input": "input",
    "dir_staged": "output/staged/",
    "dir_geotiff": "output/raster/geotiff/",
    "dir_web_tiles": "output/raster/web-tiles/",
    "tms_id": "WGS1984Quad",
    "z_range": [0, 4],
    "geometricError": 57,
    "z_coord": 0,
    "enable_stager": True,
    "enable_raster": True,
    "enable_web_tiles": True,
    "enable_3dtiles": True,
    "deduplicate_at": None,
    "deduplicate_method": None,
    "statistics": [
        {
            "name": "coverage",
            "weight_by": "area",
            "property": "area",
            "aggregation_method": "sum",
            "resampling_method": "average",
            "palette": ["#edf8e9", "#a1d99b", "#41ab5d", "#005a32"],
            "nodata_val": 0,
            "nodata_color": "#ffffff00",
        }
    ],
}
TIMES = {"item.json", "staging_summary.csv", "rasterization_events.csv"}
"""Files that say when they were made."""


def write_basins(path: Path, *, seed: int, count: int = 30) -> None:
    """Write polygons around Greenland with the columns of the public recipe's input."""
    chance = random.Random(seed)
    features = []
    for number in range(count):
        x, y, half = chance.uniform(-70, -20), chance.uniform(62, 80), chance.uniform(0.05, 1.5)
        ring = [[x - half, y - half], [x + half, y - half], [x, y + half], [x - half, y - half]]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        properties = {"basin": number, "area": chance.uniform(1, 100)}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    text = path.with_suffix(".geojson")
    text.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    subprocess.run(["ogr2ogr", path, text], check=True)
    text.unlink()


@pytest.fixture(scope="module")
def basins(server: FileServer, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """URLs of three files."""
    names = [f"basins_{number}.gpkg" for number in range(3)]
    for number, name in enumerate(names):
        write_basins(server.directory / name, seed=number)
    return [f"{server.url}/{name}" for name in names]


def write_recipe(
    directory: Path, name: str, urls: list[str], *, config: Any = CONFIG, **parallel: Any
) -> Path:
    return make_recipe(
        directory / name.replace(" ", "-"),
        name=name,
        workflow={"type": "visualization", "config_file": "config.json", "parallel": parallel},
        input=inputs(*({"type": "url", "value": url} for url in urls)),
        output={"type": "pvc"},
        files={"config.json": json.dumps(config)},
    )


def published(stack: Stack, recipe_id: str) -> dict[str, bytes | str | None]:
    """What does not say when it was made."""
    found = outputs_alone(tree(stack.paths.volume / recipe_id))
    assert found.keys() >= TIMES
    return {name: content for name, content in found.items() if name not in TIMES}


@pytest.fixture(scope="module")
def expected(
    stack: Stack, basins: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes | str | None]:
    """The result of a sequential recipe."""
    directory = tmp_path_factory.mktemp("sequential")
    recipe = write_recipe(directory, "Sequential map", basins)
    done = stack.cli("run", str(recipe), cwd=directory)
    assert done.code == 0, done
    return published(stack, "sequential-map")


def test_a_map_has_tiles_of_each_level_and_a_page(expected: dict[str, bytes | str | None]) -> None:
    rasters = [
        name for name in expected if name.startswith("output/raster/geotiff/") and name.endswith(".tif")
    ]
    assert {int(name.split("/")[4]) for name in rasters} == set(range(5))
    for kind in ("output/staged/", "output/raster/web-tiles/coverage/", "3dtiles/"):
        assert any(name.startswith(kind) and content is not None for name, content in expected.items()), kind
    assert ("index.html" in expected) == can_write_page()
    assert {"preview.png", "rasters_summary.csv"} <= expected.keys()


def test_a_parallel_map_is_the_same_after_its_stack_was_killed(
    stack: Stack, basins: list[str], expected: dict[str, bytes | str | None], tmp_path: Path
) -> None:
    """Killed once its second stage is known, or later: whenever that is, nothing is lost or doubled."""
    recipe = write_recipe(tmp_path, "Parallel map", basins, enabled=True, partition_size=1, max_parallelism=2)
    done = stack.cli("submit", str(recipe), cwd=tmp_path)
    assert done.code == 0, done
    name = done.out.split()[-1]
    wait_until(lambda: any(task["stage"] == "build" for task in stack.run(name)["tasks"]))
    os.kill(stack.pid, signal.SIGKILL)
    stack.up()
    assert stack.wait(name)["status"] == "Succeeded"
    tasks = stack.run(name)["tasks"]
    assert sum(task["stage"] == "process" and task["partition"] is not None for task in tasks) == 3
    assert sum(task["stage"] == "build" and task["partition"] is not None for task in tasks) > 1
    assert published(stack, "parallel-map") == expected


def test_a_map_with_a_reused_first_stage_is_the_same(stack: Stack, tmp_path: Path) -> None:
    config = CONFIG | {"z_range": [0, 2], "enable_3dtiles": False, "enable_web_tiles": False}
    recipe = write_recipe(tmp_path, "Taken map", [], config=config, enabled=True, partition_size=1)
    for number in range(2):
        write_basins(recipe / f"{number}.gpkg", seed=number)
    meta = json.loads((recipe / "meta.yml").read_text())
    meta["input"]["params"] = [{"type": "file", "path": f"{number}.gpkg"} for number in range(2)]
    (recipe / "meta.yml").write_text(json.dumps(meta))
    results = []
    for counts in ({"Succeeded": 2}, {"Reused": 2}):
        done = stack.cli("submit", "--wait", "--json", "--overwrite", str(recipe))
        assert done.code == 0, done
        assert stack.run(done.json()["name"])["partition_counts"] == counts
        results.append(published(stack, "taken-map"))
    assert results[0] == results[1]


@pytest.mark.skipif(not THOROUGH, reason="kills by chance, several times")
def test_a_map_whose_tasks_are_killed_at_random_is_the_same_after_retries(
    stack: Stack, basins: list[str], expected: dict[str, bytes | str | None], tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, "Killed map", basins, enabled=True, partition_size=1, max_parallelism=2)
    name = stack.cli("submit", str(recipe), cwd=tmp_path).out.split()[-1]
    kills = 0
    while (state := stack.run(name))["status"] != "Succeeded":
        if state["status"] == "Failed":
            assert stack.cli("retry", name).code == 0
        if kills < 5:
            kills += kill_program()
    assert kills
    assert published(stack, "killed-map") == expected


def kill_program() -> int:
    """Kill a running `ogdc-visualization`, if one is seen; returns how many."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if len(words) > 2 and words[-2].startswith(b"ogdc-visualization ") and b"-c" in words:
            try:
                os.kill(int(process.name), signal.SIGKILL)
            except ProcessLookupError:
                continue
            return 1
    return 0


def test_a_missing_column_is_named_with_those_there_are(
    stack: Stack, basins: list[str], tmp_path: Path
) -> None:
    [statistic] = CONFIG["statistics"]
    config = CONFIG | {"statistics": [statistic | {"property": "aera"}]}
    done = stack.cli("run", str(write_recipe(tmp_path, "Misspelt map", basins, config=config)), cwd=tmp_path)
    assert done.code == 1
    assert "basins_0.gpkg has no column 'aera'" in done.err, done.err
    assert "it has: basin, area" in done.err, done.err


@pytest.mark.parametrize("command", ["validate", "run", "submit"])
def test_an_invalid_map_configuration_is_rejected_before_the_run(
    stack: Stack, basins: list[str], tmp_path: Path, command: str
) -> None:
    recipe = write_recipe(tmp_path, "Wrong map", basins, config=CONFIG | {"zrange": [0, 5]})
    done = stack.cli(command, str(recipe), cwd=tmp_path)
    assert done.code != 0
    assert "config.json: zrange: unknown key; did you mean z_range?" in done.out + done.err


def test_inputs_not_selected_by_the_configuration_cause_a_warning(
    stack: Stack, basins: list[str], tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, "Other map", basins[:1], config=CONFIG | {"ext_input": ".shp"})
    done = stack.cli("run", str(recipe), cwd=tmp_path)
    assert done.code == 1
    assert "The stage process has found nothing for the next one" in done.err, done.err
    assert "basins_0.gpkg: no name ends in '.shp', as ext_input of the configuration says" in done.err, (
        done.err
    )
