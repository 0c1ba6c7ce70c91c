"""The example recipes, run as the README says, and looked at with GDAL's own tools."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from support.stack import Done, Stack

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


def outputs(done: Done, directory: Path) -> dict[str, Path]:
    """The files a `run` has left in `directory`, by name, which have to be the ones it lists."""
    assert done.code == 0, done
    [made] = (directory / "ogdc-output").iterdir()
    found = {path.relative_to(made).as_posix(): path for path in made.rglob("*")}
    assert sorted(done.out.split()[3:]) == sorted(str(path.relative_to(directory)) for path in found.values())
    assert done.out.startswith(f"{made.name}: Succeeded. Outputs:\n")
    return found


def printed(*command: object) -> str:
    environ = os.environ | {"GDAL_PAM_ENABLED": "NO"}  # no notes beside the examples
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, capture_output=True, text=True, env=environ).stdout


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def raster(path: Path) -> dict:
    found: dict = json.loads(printed("gdalinfo", "-json", "-stats", path))
    return found


@pytest.fixture
def run(stack: Stack, tmp_path: Path):
    return lambda name: outputs(stack.cli("run", str(EXAMPLES / name), cwd=tmp_path), tmp_path)


def test_stations_become_points_in_polar_stereographic(run) -> None:
    found = run("stations-to-geopackage")
    assert list(found) == ["stations.gpkg"]
    everything = printed("ogrinfo", "-ro", "-so", found["stations.gpkg"], "stations")
    rows = table(EXAMPLES / "stations-to-geopackage/data/stations.csv")
    assert f"Feature Count: {len(rows)}" in everything
    assert "Geometry: Point" in everything
    assert 'ID["EPSG",3413]' in everything
    extent = [
        float(number) for number in re.findall(r"-?\d+\.\d+", everything.split("Extent: ")[1].split("\n")[0])
    ]
    assert extent[0] < 0 < extent[2] + 3e6
    assert max(extent) < 0.9e6, "Greenland lies south of the pole and around 45° west"
    high = printed("ogrinfo", "-ro", "-so", found["stations.gpkg"], "high_stations")
    assert f"Feature Count: {sum(float(row['elevation_m']) > 500 for row in rows)}" in high


def test_raster_is_scaled_reprojected_tiled_and_has_overviews(run) -> None:
    found = run("raster-with-overviews")
    assert list(found) == ["concentration.tif"]
    info = raster(found["concentration.tif"])
    [band] = info["bands"]
    source = raster(EXAMPLES / "raster-with-overviews/data/concentration.tif")["bands"][0]
    assert band["type"] == "Float32"
    assert band["maximum"] == pytest.approx(source["maximum"] / 10, rel=0.05)
    assert band["block"] == [128, 128]
    assert len(band["overviews"]) == 2
    assert 'ID["EPSG",3413]' in info["coordinateSystem"]["wkt"]
    assert info["metadata"]["IMAGE_STRUCTURE"]["COMPRESSION"] == "DEFLATE"


def test_tiles_become_one_clipped_mosaic(run) -> None:
    found = run("mosaic-and-clip")
    assert list(found) == ["disko_bay.tif"]
    info = raster(found["disko_bay.tif"])
    assert info["size"] == [120, 120]
    assert info["cornerCoordinates"]["upperLeft"] == [-260000, -2220000]
    assert info["bands"][0]["maximum"] > info["bands"][0]["minimum"]


def test_outlines_are_simplified_and_measured(run) -> None:
    found = run("temporary-outlines")
    assert sorted(found) == ["areas.csv", "islands_simple.gpkg"]
    areas = table(found["areas.csv"])
    assert areas
    assert all(float(row["area_km2"]) > 0 for row in areas)
    simple = printed("ogrinfo", "-ro", "-so", "-al", found["islands_simple.gpkg"])
    assert f"Feature Count: {len(areas)}" in simple
    assert 'ID["EPSG",3413]' in simple


def test_lakes_are_converted_side_by_side(run) -> None:
    found = run("lakes-in-parallel")
    assert sorted(found) == [f"lakes_{summer}.geojson" for summer in range(2019, 2024)]
    for name, path in found.items():
        lakes = json.loads(path.read_text())["features"]
        assert len(lakes) == (3 if name == "lakes_2022.geojson" else 4)
        assert {lake["properties"]["summer"] for lake in lakes} == {int(name[6:10])}
        longitude, latitude = lakes[0]["geometry"]["coordinates"][0][0]
        assert (round(longitude), round(latitude)) == (-49, 70)


def test_recipe_of_init_runs_as_it_is(stack: Stack, tmp_path: Path) -> None:
    assert stack.cli("init", "mine", "--name", "Three towns", cwd=tmp_path).code == 0
    found = outputs(stack.cli("run", "mine", cwd=tmp_path), tmp_path)
    assert list(found) == ["places-polar.gpkg"]
    everything = printed("ogrinfo", "-ro", "-so", found["places-polar.gpkg"], "places")
    assert "Feature Count: 3" in everything
    assert 'ID["EPSG",3413]' in everything
