"""Where results lie, as the real GDAL finds it, against points all along their edges."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyproj
import pytest

from ogdc_shared.stac.geometry import bounds_of, geometry_of
from ogdc_worker.process import checks
from ogdc_worker.report import Reporter

pytestmark = pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="there is no GDAL")

Box = tuple[float, float, float, float]
POLE = (-1e6, -1.2e6, 1.5e6, 1e6)
SOUTH_POLE = (-3e6, -3e6, 3e6, 3e6)
ANTIMERIDIAN = (300_000.0, 7_000_000.0, 400_000.0, 7_100_000.0)
NOME = (-2_900_000.0, 600_000.0, -2_400_000.0, 1_100_000.0)
SEALS = [(-150, 71), (-149.5, 72), (-148, 70.5)]


def described(directory: Path) -> dict[str, dict[str, Any]]:
    """What is noted of results, by their names."""
    reporter, lines = Reporter(), []
    reporter.journal = lines.append
    checks.check_outputs(str(directory), reporter)
    noted = [json.loads(line) for line in lines]
    return {each["name"]: each["place"] for each in noted if each["event"] == "described"}


def raster(path: Path, crs: str, box: Box, *options: str) -> None:
    west, south, east, north = map(str, box)
    line = ["gdal_create", "-q", "-bands", "2", "-outsize", "40", "30", "-burn", "5", "-ot", "Int16"]
    place = ["-a_srs", crs, "-a_ullr", west, north, east, south]
    subprocess.run([*line, *place, *options, str(path)], check=True)


def points(path: Path, *options: str) -> None:
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": each}}
        for each in SEALS
    ]
    source = path.with_suffix(".source")
    source.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    subprocess.run(["ogr2ogr", *options, str(path), str(source)], check=True)
    source.unlink()


def edge(crs: str, box: Box, steps: int = 500) -> list[tuple[float, float]]:
    """Longitudes and latitudes of points along the edge of a rectangle."""
    west, south, east, north = box
    shares = [step / steps for step in range(steps + 1)]
    places = [
        *((west + share * (east - west), y) for share in shares for y in (south, north)),
        *((x, south + share * (north - south)) for share in shares for x in (west, east)),
    ]
    transformer = pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    return [transformer.transform(x, y) for x, y in places]


def bounds(place: dict[str, Any]) -> list[float]:
    geometry = geometry_of(place["geometry"])
    assert geometry is not None
    return bounds_of(geometry)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("crs", "box", "west_east"),
    [
        ("EPSG:3413", POLE, (-180, 180)),
        ("EPSG:3031", SOUTH_POLE, (-180, 180)),
        ("EPSG:32601", ANTIMERIDIAN, None),
        ("EPSG:3413", NOME, None),
        ("EPSG:4326", (170, 60, 190, 70), (170, -170)),
        ("EPSG:4326", (-52, 69, -50, 70), (-52, -50)),
        ("+proj=laea +lat_0=50 +lon_0=10", (0, 0, 1e5, 1e5), None),
    ],
)
def test_the_bounds_of_a_raster_hold_all_of_its_edge(
    tmp_path: Path, crs: str, box: Box, west_east: tuple[float, float] | None
) -> None:
    raster(tmp_path / "a.tif", crs, box)
    west, south, east, north = bounds(described(tmp_path)["a.tif"])
    along = edge(crs, box)
    latitudes = [latitude for _, latitude in along]
    assert south == pytest.approx(-90 if box is SOUTH_POLE else min(latitudes), abs=0.005)
    assert north == pytest.approx(90 if box is POLE else max(latitudes), abs=0.005)
    if west_east:
        assert (west, east) == pytest.approx(west_east)
    width = (east - west) % 360 or 360
    offsets = [(longitude - west + 1e-4) % 360 for longitude, _ in along]
    assert max(offsets) == pytest.approx(width, abs=0.005) or width == 360


@pytest.mark.slow
def test_a_raster_tells_of_its_grid_and_its_bands(tmp_path: Path) -> None:
    raster(tmp_path / "a.tif", "EPSG:3413", NOME, "-a_nodata", "-9999")
    place = described(tmp_path)["a.tif"]
    assert (place["driver"], place["code"], place["shape"]) == ("GTiff", "EPSG:3413", [30, 40])
    assert place["extent"] == list(NOME)
    assert place["transform"] == pytest.approx([NOME[0], 12_500, 0, NOME[3], 0, -500_000 / 30])
    assert place["bands"] == [{"data_type": "Int16", "nodata": -9999}] * 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.fgb", "a.geojson"])
def test_layers_tell_of_where_their_features_are(tmp_path: Path, name: str) -> None:
    points(tmp_path / name)
    place = described(tmp_path)[name]
    assert bounds(place) == pytest.approx([-150, 70.5, -148, 72], abs=1e-6)
    assert place["code"] == "EPSG:4326"
    assert [(each["features"], each["geometry_type"]) for each in place["layers"]] == [(3, "Point")]


@pytest.mark.slow
def test_a_single_point_is_a_place_too(tmp_path: Path) -> None:
    query = "SELECT 1 AS tag, 2.5 AS depth, * FROM a"
    points(tmp_path / "a.gpkg", "-spat", "-151", "70.9", "-149.9", "71.1", "-nln", "a", "-sql", query)
    place = described(tmp_path)["a.gpkg"]
    assert place["geometry"] == {"type": "Point", "coordinates": [-150, 71]}
    assert place["geometry_column"] == "_ogr_geometry_", "as the query calls it"
    assert place["columns"] == [["tag", "Integer"], ["depth", "Real"]]
    assert place["column_count"] == 2


@pytest.mark.slow
def test_outputs_without_a_location_are_not_described(tmp_path: Path) -> None:
    subprocess.run(["gdal_create", "-q", "-outsize", "9", "9", "-burn", "5", tmp_path / "a.tif"], check=True)
    points(tmp_path / "table.gpkg", "-nlt", "NONE")
    (tmp_path / "empty.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    (tmp_path / "broken.tif").write_bytes(b"II*\0")
    assert described(tmp_path) == {}
