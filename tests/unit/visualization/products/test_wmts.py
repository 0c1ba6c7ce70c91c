"""The WMTS document: GDAL finds the tiles by it, and what it says of the grid is so."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio

from ogdc_visualization.products.description import Limits, MapDescription
from ogdc_visualization.products.wmts import build_capabilities, crs_urn
from support.http import FileServer
from support.maps import describe, polar_map

NAMES = {"": "http://www.opengis.net/wmts/1.0", "ows": "http://www.opengis.net/ows/1.1"}


def parse(description: MapDescription, base_url: str = "") -> ET.Element:
    return ET.fromstring(build_capabilities(description, base_url=base_url))


def texts(element: ET.Element, path: str) -> list[str | None]:
    return [each.text for each in element.findall(path, NAMES)]


def write_tile(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True)
    with rasterio.open(path, "w", driver="PNG", width=256, height=256, count=4, dtype="uint8") as file:
        file.write(np.full((4, 256, 256), value, np.uint8))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_gdal_reads_each_tile_at_its_place(tmp_path: Path) -> None:
    for column in (4, 5):
        write_tile(tmp_path / f"web_tiles/count/WGS1984Quad/2/{column}/0.png", column * 10)
    description = describe({1: Limits(2, 2, 0, 0), 2: Limits(4, 5, 0, 0)})
    with FileServer(tmp_path) as server, rasterio.Env(GDAL_DEFAULT_WMS_CACHE_PATH=str(tmp_path / "cache")):
        document = tmp_path / "WMTSCapabilities.xml"
        document.write_text(build_capabilities(description, base_url=f"{server.url}/"))
        with rasterio.open(f"WMTS:{document},layer=count") as layer:
            assert layer.bounds == (0, 45, 90, 90)
            assert layer.shape == (256, 512)
            values = layer.read(1)
    assert (values[:, :256] == 40).all()
    assert (values[:, 256:] == 50).all()


def test_templates_name_the_layer_and_lead_on_from_the_document() -> None:
    root = parse(describe({2: Limits(0, 1, 0, 0)}))
    templates = [each.get("template") for each in root.findall(".//ResourceURL", NAMES)]
    assert templates == [
        f"web_tiles/{name}/WGS1984Quad/{{TileMatrix}}/{{TileCol}}/{{TileRow}}.png"
        for name in ("coverage", "count")
    ]


def test_matrices_are_as_large_as_the_grid_is() -> None:
    wide, square = parse(describe({2: Limits(0, 1, 0, 0)})), parse(polar_map({2: Limits(0, 1, 0, 0)}))
    assert texts(wide, ".//TileMatrix/MatrixWidth") + texts(wide, ".//TileMatrix/MatrixHeight") == ["8", "4"]
    assert texts(square, ".//TileMatrix/MatrixWidth") + texts(square, ".//TileMatrix/MatrixHeight") == [
        "4",
        "4",
    ]


def test_corners_are_in_the_order_of_the_axes_of_their_crs() -> None:
    wide, square = parse(describe({0: Limits(1, 1, 0, 0)})), parse(polar_map({1: Limits(0, 0, 0, 0)}))
    assert texts(wide, ".//TopLeftCorner") == ["90 -180"]
    assert texts(wide, ".//ows:BoundingBox/ows:LowerCorner")[0] == "-90.0 0.0"
    assert texts(square, ".//TopLeftCorner") == ["-4000100.0 4000100.0"]


def test_scale_denominators_match_the_published_grid() -> None:
    root = parse(describe({0: Limits(0, 0, 0, 0)}))
    published = 279541132.0143589  # WGS1984Quad at level 0, OGC 17-083r4, annex D.3
    assert float(texts(root, ".//ScaleDenominator")[0] or "") == pytest.approx(published, rel=1e-12)


def test_boxes_across_the_antimeridian_cover_all_longitudes() -> None:
    root = parse(polar_map({2: Limits(0, 0, 0, 0)}))
    west, _ = (texts(root, ".//ows:WGS84BoundingBox/ows:LowerCorner")[0] or "").split()
    east, _ = (texts(root, ".//ows:WGS84BoundingBox/ows:UpperCorner")[0] or "").split()
    assert (float(west), float(east)) == (-180, 180)


def test_texts_of_the_configuration_stay_texts() -> None:
    root = parse(describe({0: Limits(0, 0, 0, 0)}, title="<b>&amp;</b>"))
    assert texts(root, "ows:ServiceIdentification/ows:Title") == ["<b>&amp;</b>"]


def test_names_of_crs_are_those_of_ogc() -> None:
    assert crs_urn("EPSG:4326") == "urn:ogc:def:crs:EPSG::4326"
    assert crs_urn("OGC:CRS84") == "urn:ogc:def:crs:OGC:1.3:CRS84"
