"""Small pictures of results, as the real GDAL draws them and any program reads them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ogdc_shared.outputs.thumbnails import MAX_THUMBNAIL_BYTES, thumbnail_name
from ogdc_worker.process import checks, thumbnails
from ogdc_worker.process.gdal_pictures import Pixels
from ogdc_worker.process.thumbnails import png
from ogdc_worker.report import Reporter

pytestmark = pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="there is no GDAL")
image = pytest.importorskip("PIL.Image")

LOW, HIGH, FILL = (68, 1, 84, 255), (253, 231, 37, 255), (11, 83, 148, 255)
PLACED = ("-a_srs", "EPSG:3413", "-a_ullr", "0", "600", "300", "0")


def run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def grid(path: Path, *options: str, nodata: int = 0) -> Path:
    """300 by 600 pixels: nothing in the northern third, then 10 in the west and 200 in the east."""
    rows = ["0 " * 300] * 200 + ["10 " * 150 + "200 " * 150] * 400
    header = f"ncols 300\nnrows 600\nxllcorner 0\nyllcorner 0\ncellsize 1\nNODATA_value {nodata}\n"
    path.with_suffix(".asc").write_text(header + "\n".join(rows) + "\n")
    run("gdal_translate", *PLACED, *options, path.with_suffix(".asc"), path)
    path.with_suffix(".asc").unlink()
    path.with_suffix(".prj").unlink(missing_ok=True)
    return path


def pictures(directory: Path, into: Path) -> dict[str, Any]:
    """Look at results; returns the picture of each that has one."""
    checks.check_outputs(str(directory), Reporter(), thumbnails=str(into))
    found = {}
    for file in directory.iterdir():
        path = into / thumbnail_name(file.name)
        if path.exists():
            assert path.stat().st_size <= MAX_THUMBNAIL_BYTES
            with image.open(path) as picture:
                found[file.name] = picture.convert("RGBA")
    return found


@pytest.fixture
def made(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("-ot", "Byte"),
        ("-ot", "Float32"),
        ("-of", "COG", "-co", "RESAMPLING=NEAREST"),
        ("-co", "COMPRESS=LZW"),
    ],
)
def test_a_raster_is_coloured_by_its_values(made: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    grid(made / "a.tif", *options)
    picture = pictures(made, tmp_path / "made")["a.tif"]
    assert picture.size == (128, 256)
    assert (picture.getpixel((10, 200)), picture.getpixel((120, 200))) == (LOW, HIGH)
    assert picture.getpixel((60, 40))[3] == 0, "nothing is there"


@pytest.mark.slow
def test_a_raster_with_colours_of_its_own_keeps_them(made: Path, tmp_path: Path) -> None:
    burn = ("-burn", "200", "-burn", "100", "-burn", "50")
    color = ("-bands", "3", "-co", "PHOTOMETRIC=RGB")
    run("gdal_create", "-outsize", "20", "40", "-ot", "Byte", *color, *burn, *PLACED, made / "rgb.tif")
    few = image.new("P", (20, 40), 3)
    few.putpalette([0, 0, 0, 1, 1, 1, 2, 2, 2, 10, 20, 30])
    few.save(tmp_path / "few.png")
    run("gdal_translate", *PLACED, tmp_path / "few.png", made / "few.tif")
    found = pictures(made, tmp_path / "made")
    assert (found["rgb.tif"].size, found["rgb.tif"].getpixel((3, 3))) == ((20, 40), (200, 100, 50, 255))
    assert found["few.tif"].getpixel((3, 3)) == (10, 20, 30, 255)


@pytest.mark.slow
def test_features_are_drawn_as_their_shapes(made: Path, tmp_path: Path) -> None:
    corners = [[0, 0], [100, 0], [100, 100], [0, 100], [0, 0]]
    polygon = {
        "type": "Polygon",
        "coordinates": [corners, [[40, 40], [60, 40], [60, 60], [40, 60], [40, 40]]],
    }
    features = [{"type": "Feature", "properties": {}, "geometry": polygon}]
    source = tmp_path / "source.json"
    source.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    for name in ("a.gpkg", "a.shp"):
        run("ogr2ogr", "-a_srs", "EPSG:3413", made / name, source)
    found = pictures(made, tmp_path / "made")
    for name in ("a.gpkg", "a.shp"):
        assert found[name].getpixel((40, 128)) == FILL
        assert found[name].getpixel((128, 128))[3] == 0, "there is a hole"


def test_a_point_is_visible_in_a_thumbnail(made: Path, tmp_path: Path) -> None:
    point = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [10, 70]}}
    (made / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [point]}))
    picture = pictures(made, tmp_path / "made")["a.geojson"]
    assert FILL in {color for _, color in picture.getcolors()}


@pytest.mark.slow
def test_empty_outputs_and_those_without_location_have_no_thumbnail(made: Path, tmp_path: Path) -> None:
    run(
        "gdal_create",
        "-outsize",
        "9",
        "9",
        "-bands",
        "1",
        "-burn",
        "7",
        "-a_nodata",
        "7",
        *PLACED,
        made / "a.tif",
    )
    run("gdal_create", "-outsize", "9", "9", "-bands", "1", "-burn", "7", made / "b.tif")
    (made / "c.tif").write_bytes(b"II*\0")
    assert pictures(made, tmp_path / "made") == {}


@pytest.mark.slow
def test_the_number_of_thumbnails_is_limited_by_time(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        run("gdal_create", "-outsize", "9", "9", "-bands", "1", "-burn", "7", *PLACED, made / f"{number}.tif")
    monkeypatch.setattr(thumbnails, "MAX_THUMBNAILS", 2)
    assert len(pictures(made, tmp_path / "some")) == 2
    monkeypatch.setattr(thumbnails, "SECONDS", -1.0)
    event = checks.check_outputs(str(made), Reporter(), thumbnails=str(tmp_path / "none"))
    assert event is not None
    assert event["files"] == 3
    assert list((tmp_path / "none").iterdir()) == []


@pytest.mark.slow
def test_a_picture_that_cannot_be_kept_costs_nothing_else(made: Path, tmp_path: Path) -> None:
    grid(made / "a.tif")
    (tmp_path / "taken").write_text("a file")
    event = checks.check_outputs(str(made), Reporter(), thumbnails=str(tmp_path / "taken"))
    assert event is not None
    assert event["files"] == 1


def test_thumbnails_are_valid_images(tmp_path: Path) -> None:
    (tmp_path / "rgb.png").write_bytes(png(Pixels(2, 1, bytes((1, 2, 3, 4, 5, 6)))))
    with image.open(tmp_path / "rgb.png") as picture:
        assert [picture.getpixel((x, 0)) for x in (0, 1)] == [(1, 2, 3), (4, 5, 6)]
    (tmp_path / "few.png").write_bytes(png(Pixels(1, 2, b"\0\1", bytes((9, 9, 9, 7, 8, 9)), hidden=0)))
    with image.open(tmp_path / "few.png") as picture:
        read = picture.convert("RGBA")
    assert [read.getpixel((0, y)) for y in (0, 1)] == [(9, 9, 9, 0), (7, 8, 9, 255)]
