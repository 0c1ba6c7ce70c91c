"""Maps of results, and long logs, on the page about runs in a real browser (`make browser`)."""

from __future__ import annotations

import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.browsing import DESK, check_accessible, check_fits, check_view, expect, submitted
from support.effort import THOROUGH
from support.http import Answer, FileServer
from support.stack import Stack, wait_until

pytestmark = pytest.mark.browser
image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

HOSTILE = "<img src=x onerror=alert(1)>"
WEST, NORTH, PIXEL, SIZE = -1_000_000, -500_000, 1_000, 600
"""The corner and the pixels of the rasters, in meters of EPSG:3413: southern Greenland's west."""
LOW, HIGH = (68, 1, 84), (253, 231, 37)
"""The colours of the smallest and of the largest value."""
KINDS = {
    "cog.tif": ["-of", "COG", "-co", "COMPRESS=DEFLATE", "-co", "BLOCKSIZE=128", "-co", "RESAMPLING=NEAREST"],
    "striped.tif": ["-co", "COMPRESS=LZW"],
    "overviews.tif": ["-co", "TILED=YES", "-co", "COMPRESS=DEFLATE", "-co", "PREDICTOR=2"],
    "plain.tif": ["-co", "TILED=YES", "-co", "COMPRESS=DEFLATE", "-ot", "Float32"],
}
LINES = 1_000_000 if THOROUGH else 100_000
"""Of a log: several times what the page may hold of it."""
SQUARE = [[-900_000, -1_000_000], [-500_000, -1_000_000], [-500_000, -600_000], [-900_000, -600_000]]


def make_rasters(directory: Path) -> None:
    """Values 10 in the west half and 200 in the east half, and none in the northernmost 100 rows."""
    rows = ["0 " * SIZE] * 100 + ["10 " * (SIZE // 2) + "200 " * (SIZE // 2)] * (SIZE - 100)
    south = NORTH - SIZE * PIXEL
    header = (
        f"ncols {SIZE}\nnrows {SIZE}\nxllcorner {WEST}\nyllcorner {south}\ncellsize {PIXEL}\nNODATA_value 0\n"
    )
    (directory / "values.asc").write_text(header + "\n".join(rows) + "\n")
    for name, options in KINDS.items():
        run(
            "gdal_translate",
            "-a_srs",
            "EPSG:3413",
            "-ot",
            "Byte",
            *options,
            "values.asc",
            name,
            cwd=directory,
        )
    run("gdaladdo", "-r", "nearest", "overviews.tif", "2", "4", cwd=directory)


def make_vectors(directory: Path) -> None:
    """A square in the projection's own meters, with a name that means harm."""
    polygon = {"type": "Polygon", "coordinates": [[*SQUARE, SQUARE[0]]]}
    feature = {"type": "Feature", "geometry": polygon, "properties": {"label": HOSTILE, "depth": 12.5}}
    collection = {"type": "FeatureCollection", "features": [feature]}
    (directory / "meters.json").write_text(json.dumps(collection))
    square = ["-a_srs", "EPSG:3413", "square.gpkg", "meters.json"]
    run("ogr2ogr", "-f", "GPKG", *square, cwd=directory)
    run("ogr2ogr", "-f", "GeoJSON", "-t_srs", "EPSG:4326", "square.geojson", "square.gpkg", cwd=directory)


def run(*words: str, cwd: Path) -> None:
    subprocess.run(words, cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def mapped(stack: Stack, server: FileServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run whose result is everything that can be looked at."""
    from support.recipes import make_own_recipe

    made = tmp_path_factory.mktemp("made")
    make_rasters(made)
    make_vectors(made)
    (made / "table.csv").write_text('name,"a, b"\n' + "".join(f'"x ""{n}""",{n}\n' for n in range(9000)))
    names = [*KINDS, "square.gpkg", "square.geojson", "table.csv"]
    for name in names:
        content = (made / name).read_bytes()
        server.routes[f"/maps/{name}"] = lambda _, content=content: Answer(body=content)
    params = [{"type": "url", "value": f"{server.url}/maps/{name}"} for name in names]
    directory = tmp_path_factory.mktemp("recipe") / "maps"
    recipe = make_own_recipe(
        directory, "cp /input_dir/* /output_dir/", name="Maps", params=params, output="pvc"
    )
    name = submitted(stack, recipe)
    assert stack.wait(name)["status"] == "Succeeded"
    return name


def show(page: Any, stack: Stack, name: str, file: str) -> Any:
    """Look at a file by its address; returns its map, once all of it is drawn."""
    page.goto(f"{stack.url}/ui/?run={name}&tab=outputs&file={file}")
    return drawn_map(page, file)


def show_next(page: Any, file: str) -> Any:
    """Look at another file of the same run, which loads no page; returns its map, once all of it is drawn."""
    page.get_by_role("button", name=f"Show {file}").click()
    return drawn_map(page, file)


def drawn_map(page: Any, file: str) -> Any:
    drawn = page.get_by_role("region", name=f"Preview of {file}").locator(".map[data-center]")
    expect(drawn).to_be_visible()
    return drawn


def color_at(drawn: Any, x: float, y: float) -> tuple[int, int, int]:
    """The colour that the map has at a place of its projection."""
    center = [float(each) for each in drawn.get_attribute("data-center").split()]
    resolution = float(drawn.get_attribute("data-resolution"))
    picture = image.open(io.BytesIO(drawn.screenshot())).convert("RGB")
    width, height = picture.size
    at = (width / 2 + (x - center[0]) / resolution, height / 2 - (y - center[1]) / resolution)
    color: tuple[int, int, int] = picture.getpixel((round(at[0]), round(at[1])))
    return color


def is_near(color: tuple[int, ...], wanted: tuple[int, ...], within: int = 12) -> bool:
    return all(abs(one - other) <= within for one, other in zip(color, wanted, strict=True))


def test_rasters_are_drawn_at_their_location_with_their_colours(
    page: Any, stack: Stack, mapped: str, shoot: Any
) -> None:
    asked: list[Any] = []
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108  Playwright writes to it
    first, *others = KINDS
    check_raster(page, show(page, stack, mapped, first))
    shoot(page, f"map-{first}")
    for file in others:
        check_raster(page, show_next(page, file))
        shoot(page, f"map-{file}")
    for file in KINDS:
        of_file = [request for request in asked if request.url.endswith(f"/outputs/{file}")]
        assert of_file
        assert all("range" in request.headers for request in of_file)


def check_raster(page: Any, drawn: Any) -> None:
    wait_until(lambda: is_near(color_at(drawn, WEST + 150_000, NORTH - 350_000), LOW))
    assert is_near(color_at(drawn, WEST + 450_000, NORTH - 350_000), HIGH)
    without = color_at(drawn, WEST + 150_000, NORTH - 50_000)
    assert not any(is_near(without, color) for color in (LOW, HIGH))
    expect(page.get_by_text("In EPSG:3413")).to_contain_text("10")


def test_features_are_drawn_at_their_location_and_show_their_attributes(
    page: Any, stack: Stack, mapped: str, shoot: Any
) -> None:
    check_features(page, show(page, stack, mapped, "square.gpkg"))
    check_accessible(page)
    shoot(page, "map-square.gpkg")
    check_features(page, show_next(page, "square.geojson"))
    shoot(page, "map-square.geojson")


def check_features(page: Any, drawn: Any) -> None:
    expect(page.get_by_text("In EPSG:3413")).to_be_visible()
    inside = lambda: color_at(drawn, -700_000, -800_000)  # noqa: E731
    wait_until(lambda: is_near(inside(), (156, 188, 212), 25))
    assert not is_near(color_at(drawn, -480_000, -580_000), inside())
    drawn.click()
    expect(page.get_by_role("cell", name=HOSTILE)).to_be_visible()
    expect(page.get_by_role("cell", name="12.5")).to_be_visible()


def test_the_first_rows_of_a_table_are_shown(page: Any, stack: Stack, mapped: str, shoot: Any) -> None:
    page.goto(f"{stack.url}/ui/?run={mapped}&tab=outputs&file=table.csv")
    expect(page.get_by_role("columnheader", name="a, b")).to_be_visible()
    expect(page.get_by_role("cell", name='x "0"', exact=True)).to_be_visible()
    assert page.evaluate("document.querySelectorAll('tr').length") < 300
    shoot(page, "table")


def test_map_code_is_loaded_only_when_a_map_is_opened(page: Any, stack: Stack, mapped: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{stack.url}/ui/?run={mapped}&tab=outputs")
    expect(page.get_by_role("button", name="Show cog.tif")).to_be_visible()
    assert not [url for url in asked if "openlayers" in url or "map-" in url or "sqlite" in url]
    page.get_by_role("button", name="Show cog.tif").click()
    expect(page.locator(".map[data-center]")).to_be_visible()
    check_fits(page)
    assert not [url for url in asked if "sqlite" in url]


VIEWS = {
    "overview": "",
    "logs": "&tab=logs",
    "task": "&tab=logs&task=process/0",
    "recipe": "&tab=recipe",
    "inputs": "&tab=inputs",
    "outputs": "&tab=outputs",
    "raster": "&tab=outputs&file=cog.tif",
    "rows": "&tab=outputs&file=table.csv",
}
READY = {
    "overview": "On the command line",
    "logs": "lines",
    "task": "checked 6 outputs with GDAL",
    "recipe": "recipe.sh",
    "inputs": "sha256",
    "outputs": "square.gpkg",
    "raster": "In EPSG:3413",
    "rows": "The first 200 rows",
}
"""What is there once a view is."""


def test_each_view_is_accessible_and_fits_on_a_phone(
    page: Any, stack: Stack, mapped: str, shoot: Any
) -> None:
    for view, query in VIEWS.items():
        page.goto(f"{stack.url}/ui/?run={mapped}{query}")
        expect(page.locator("main")).to_contain_text(READY[view])
        check_view(page)
        check_fits(page)
        shoot(page, f"phone-{view}")
        page.set_viewport_size(DESK)


def test_a_log_of_many_lines_is_read_searched_and_saved(
    page: Any, stack: Stack, recipe: Any, shoot: Any
) -> None:
    name = submitted(stack, recipe("Talks", f"seq {LINES} | sed 's/^/line /'; echo '{HOSTILE}'; false"))
    assert stack.wait(name)["status"] == "Failed"
    page.goto(f"{stack.url}/ui/?run={name}")
    page.get_by_role("link", name="process/0").click()
    log = page.get_by_role("region", name="Log")
    expect(log).to_contain_text(HOSTILE)
    expect(log).to_contain_text(f"line {LINES}")
    page.get_by_role("button", name="Beginning").click()
    expect(log).to_contain_text("line 17\n")
    wanted = LINES * 7 // 9
    page.get_by_label("Find in all of the log").fill(f"LINE {wanted}")
    page.keyboard.press("Enter")
    found = page.get_by_role("region", name="What was found")
    expect(found).to_contain_text("1 line has it")
    found.get_by_role("button").first.click()
    expect(log.locator("mark")).to_have_text(f"line {wanted}\n")
    expect(log).to_contain_text(f"line {wanted - 1}\n")
    check_accessible(page)
    for _ in range(8):
        log.evaluate("box => { box.scrollTop = box.scrollHeight; }")
        page.wait_for_timeout(100)
    assert page.evaluate("document.querySelectorAll('*').length") < 1_000
    assert log.evaluate("box => box.textContent.length") < 400_000
    shoot(page, "log")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download all").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert [line for line in lines if re.fullmatch(r"line \d+", line)] == [
        f"line {number}" for number in range(1, LINES + 1)
    ]
    check_fits(page)
    shoot(page, "log-phone")
