"""The page of a map: all that it needs lies beside it, and texts of the configuration stay texts."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ogdc_visualization.products.description import Limits
from ogdc_visualization.products.web_page import File, build_page, can_write_page, write_page
from support.maps import describe, polar_map

needs_openlayers = pytest.mark.skipif(not can_write_page(), reason="scripts/openlayers has not been run")

LIMITS = {1: Limits(1, 1, 0, 0), 2: Limits(2, 3, 0, 1)}


class Page(HTMLParser):
    """What a browser finds in a page: elements, what they refer to, and the texts in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.elements: list[str] = []
        self.texts: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.references += [value for name, value in attrs if name in {"src", "href"} and value]

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.texts[self.elements[-1]] = self.texts.get(self.elements[-1], "") + data

    def description(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.texts["script"])
        return found


@needs_openlayers
def test_everything_that_the_page_uses_lies_beside_it(tmp_path: Path) -> None:
    write_page(describe(LIMITS), [], tmp_path)
    page = Page((tmp_path / "index.html").read_text())
    files = [reference for reference in page.references if not reference.startswith("data:")]
    assert files == ["map/page.css", "map/openlayers.js", "map/page.js"]
    assert all((tmp_path / file).is_file() for file in files)
    for file in ["index.html", "map/page.css", "map/page.js"]:
        assert not re.search(r"(https?:)?//\w", (tmp_path / file).read_text().replace("https://doi.org/", ""))


@needs_openlayers
def test_the_license_goes_with_the_library(tmp_path: Path) -> None:
    write_page(describe(LIMITS), [], tmp_path)
    assert "OpenLayers Contributors" in (tmp_path / "map/openlayers.LICENSE.txt").read_text()


def test_texts_of_the_configuration_stay_texts() -> None:
    title = "</script><script>alert(1)</script><!-- & {description}"
    page = Page(build_page(describe(LIMITS, title=title), [File(title, "a.json")]))
    assert page.elements.count("script") == 3
    assert page.texts["h1"].strip() == title
    assert page.description()["files"] == [{"title": title, "href": "a.json"}]


def test_the_page_knows_its_grid() -> None:
    found = Page(build_page(polar_map(LIMITS), [])).description()
    assert (found["crs"], found["units"]) == ("EPSG:3413", "m")
    assert found["gridExtent"] == [-4000100, -4000100, 4000100, 4000100]
    assert found["resolutions"] == [8_000_200 / 256, 8_000_200 / 512, 8_000_200 / 1024]
    assert (found["minLevel"], found["tileSize"]) == (1, 256)
    assert found["extent"] == [0, 0, 4000100, 4000100]


def test_each_layer_has_its_tiles_and_its_legend() -> None:
    layer = Page(build_page(describe(LIMITS), [])).description()["layers"][1]
    assert layer["name"] == "count"
    assert layer["template"] == "web_tiles/count/WGS1984Quad/{z}/{x}/{y}.png"
    assert layer["ranges"] == {"1": [0, 1], "2": [0, 1]}
    assert (layer["colors"][0], layer["colors"][-1]) == ("rgba(0,255,0,1)", "rgba(255,0,0,1)")


def test_only_what_is_a_doi_is_linked() -> None:
    urls = [
        Page(build_page(describe(LIMITS, doi=doi), [])).description()["doiUrl"]
        for doi in ("doi/placeholder", "10.18739/A2/x")
    ]
    assert urls == [None, "https://doi.org/10.18739/A2/x"]
