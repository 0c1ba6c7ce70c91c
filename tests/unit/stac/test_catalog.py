"""Catalogues as others read them: by pystac, and by its schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pystac
import pystac.validation
import pytest

from ogdc_shared.recipe.metadata import Temporal
from ogdc_shared.stac import catalog
from ogdc_shared.stac.catalog import write_catalog
from ogdc_shared.stac.item import Output, OutputFile
from support.crates import RUN

PLACE: dict[str, Any] = {
    "driver": "GTiff",
    "cloud_optimized": False,
    "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]},
    "extent": [0, 0, 1, 1],
    "code": "EPSG:4326",
    "shape": [10, 20],
    "transform": [0, 0.05, 0, 1, 0, -0.1],
    "bands": [{"data_type": "Byte", "nodata": "nan", "unit": "m", "description": "depth"}],
}
DIGEST = "9f" * 32


def written(directory: Path, *outputs: Output, **more: str) -> Path:
    (directory / ".stac").mkdir()
    write_catalog(str(directory / ".stac"), RUN._replace(license="CC-BY-4.0", **more), outputs)
    return directory / ".stac/catalog.json"


def items(path: Path) -> list[pystac.Item]:
    found = pystac.Catalog.from_file(str(path))
    found.validate()
    return list(found.get_items())


def check(item: pystac.Item) -> None:
    """Check an item by the schema that pystac carries; those of extensions are on the web."""
    fields = item.to_dict(transform_hrefs=False) | {"stac_extensions": []}
    pystac.validation.validate_dict(fields)


def test_a_catalogue_links_to_its_outputs(tmp_path: Path) -> None:
    files = (OutputFile("lakes/a b.tif", 6, f"sha256:{DIGEST}"), OutputFile("lakes/a b.tif.aux.xml", 2, None))
    (tmp_path / "lakes").mkdir()
    (tmp_path / "lakes/a b.tif").write_bytes(b"raster")
    path = written(tmp_path, Output("lakes/a b.tif", PLACE, files, ("https://example.org/in put.tif",)))
    [item] = items(path)
    check(item)
    assert (item.id, item.bbox) == ("lakes/a b.tif", [0, 0, 1, 1])
    assert item.properties["proj:transform"] == [0.05, 0, 0, 0, -0.1, 1]
    assert item.properties["license"] == "CC-BY-4.0"
    assert "does not say of when" in item.properties["description"]
    assert [link.href for link in item.get_links("derived_from")] == ["https://example.org/in%20put.tif"]
    data = item.assets["data"].to_dict()
    assert data["file:checksum"] == f"1220{DIGEST}"
    assert data["bands"] == [{"description": "depth", "unit": "m", "data_type": "uint8", "nodata": "nan"}]
    leads = path.parent / "items" / data["href"].replace("%20", " ")
    assert leads.resolve().read_bytes() == b"raster"
    assert item.assets["a b.tif.aux.xml"].roles == ["metadata"]


def test_an_item_says_of_when_its_data_are_where_that_is_known(tmp_path: Path) -> None:
    begin, end = Temporal(begin="2019", end="2021-06-30").period
    [item] = items(written(tmp_path, Output("a.tif", PLACE), begin=begin, end=end))
    check(item)
    known = [item.properties[name] for name in ("datetime", "start_datetime", "end_datetime")]
    assert known == [None, "2019-01-01T00:00:00Z", "2021-06-30T23:59:59Z"]
    assert "does not say" not in item.properties["description"]


def test_names_that_look_the_same_have_files_of_their_own(tmp_path: Path) -> None:
    names = ["a/b.tif", "a-b.tif", "a b.tif", "../../b.tif", "\udcff.tif", "x" * 300]
    path = written(tmp_path, *(Output(name, PLACE) for name in names))
    assert [item.id.encode(errors="surrogateescape") for item in items(path)] == [
        name.encode(errors="surrogateescape") for name in names
    ]
    files = sorted(each.name for each in (path.parent / "items").iterdir())
    assert len(files) == len(names)
    assert all(len(name) < 200 for name in files)


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"geometry": "nowhere"},
        {"geometry": {"type": "Point", "coordinates": [500, 0]}},
    ],
)
def test_outputs_without_a_location_have_no_item(tmp_path: Path, place: dict[str, Any]) -> None:
    assert not written(tmp_path, Output("a.tif", place)).exists()


def test_invalid_facts_are_left_out_of_a_catalogue(tmp_path: Path) -> None:
    place = {
        "geometry": PLACE["geometry"],
        "driver": 3,
        "code": [],
        "extent": "x",
        "shape": [1],
        "bands": [1],
        "layers": [{"features": -1, "geometry_type": 3}],
        "columns": [["tag"], ["tag", 1], 2],
    }
    [item] = items(written(tmp_path, Output("a.tif", place, (OutputFile("a.tif", None, "md5:0123456789"),))))
    check(item)
    assert item.assets["data"].media_type == "application/octet-stream"
    assert not {"proj:shape", "proj:bbox", "table:columns"} & set(item.properties)


def test_items_of_vector_data_list_their_attributes(tmp_path: Path) -> None:
    layers = [{"name": "a", "features": 3, "geometry_type": "Point"}]
    columns = [["tag", "Integer"]]
    place = {"geometry": PLACE["geometry"], "driver": "GPKG", "layers": layers, "columns": columns}
    [item] = items(written(tmp_path, Output("a.gpkg", place, ())))
    check(item)
    assert item.properties["table:columns"] == [
        {"name": "tag", "type": "Integer"},
        {"name": "geometry", "type": "Point"},
    ]
    assert (item.properties["table:primary_geometry"], item.properties["table:row_count"]) == ("geometry", 3)
    (tmp_path / "b").mkdir()
    place |= {"columns": [["geometry", "String"], ["geometry_1", "String"]], "column_count": 1200}
    [item] = items(written(tmp_path / "b", Output("a.shp", place, ())))
    check(item)
    assert item.properties["table:columns"][2:] == [{"name": "geometry_2", "type": "Point"}]
    assert (item.properties["table:primary_geometry"], item.properties["ogdc:attribute_count"]) == (
        "geometry_2",
        1200,
    )


def test_a_catalogue_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "MAX_ITEMS", 2)
    path = written(tmp_path, *(Output(f"{number}.tif", PLACE) for number in range(5)))
    assert len(items(path)) == 2
    assert "3 more outputs" in json.loads(path.read_text())["description"]
