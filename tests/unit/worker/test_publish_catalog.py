"""The catalogue that goes along with a result."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ogdc_shared import layout
from ogdc_shared.outputs.thumbnails import (
    MAX_THUMBNAIL_BYTES,
    PNG,
    THUMBNAILS,
    thumbnail_name,
    thumbnail_path,
)
from ogdc_worker.publish.publication import Publication
from ogdc_worker.publish.result import publish
from ogdc_worker.report import Reporter
from support.crates import RUN, facts_document
from support.publishing import publication_in
from support.trees import plant

POINT = {"type": "Point", "coordinates": [1, 2]}
FILES: dict[str, bytes | str | None] = {"a.shp": b"a", "a.dbf": b"b", "plain.txt": b"c"}
DESCRIBED = [{"name": "a.shp", "driver": "ESRI Shapefile", "geometry": POINT, "code": "EPSG:4326"}]


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    return publication_in(tmp_path)


def leave(publication: Publication, described: list[dict[str, Any]], files: Any = FILES) -> None:
    workspace = Path(publication.volume, layout.partition_workspace(RUN.name, 0))
    plant(workspace / "output_dir", files)
    wrote = [{"name": name, "size": 1} for name in files]
    (workspace / layout.FACTS).write_text(facts_document(wrote=wrote, described=described))


def test_a_published_directory_has_a_stac_catalogue(publication: Publication) -> None:
    leave(publication, DESCRIBED)
    publish(publication, Reporter())
    published = Path(publication.volume, "seal-tags")
    [link] = [each for each in _catalog(published)["links"] if each["rel"] == "item"]
    item = json.loads((published / ".stac" / link["href"]).read_text())
    hrefs = [published / ".stac/items" / each["href"] for each in item["assets"].values()]
    assert [each.resolve().read_bytes() for each in hrefs] == [b"a", b"b"]
    assert (published / ".stac/catalog.json").stat().st_mode & 0o044 == 0o044


def test_thumbnails_of_tasks_are_published(publication: Publication) -> None:
    leave(publication, DESCRIBED)
    workspace = Path(publication.volume, layout.partition_workspace(RUN.name, 0))
    plant(workspace / THUMBNAILS, {thumbnail_name("a.shp"): PNG + b"tiny", thumbnail_name("b.shp"): PNG})
    publish(publication, Reporter())
    published = Path(publication.volume, "seal-tags")
    item = json.loads((published / ".stac/items/a.shp.json").read_text())
    asset = item["assets"]["thumbnail"]
    assert (asset["type"], asset["roles"]) == ("image/png", ["thumbnail"])
    assert (published / ".stac/items" / asset["href"]).resolve() == (published / thumbnail_path("a.shp"))
    assert (published / thumbnail_path("a.shp")).read_bytes() == PNG + b"tiny"
    assert len(list((published / ".stac/thumbnails").iterdir())) == 1


@pytest.mark.parametrize("kind", ["text", "large", "link", "directory", "pipe"])
def test_invalid_thumbnails_are_not_published(publication: Publication, tmp_path: Path, kind: str) -> None:
    leave(publication, DESCRIBED)
    workspace = Path(publication.volume, layout.partition_workspace(RUN.name, 0))
    path = workspace / THUMBNAILS / thumbnail_name("a.shp")
    path.parent.mkdir()
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        (tmp_path / "secret.png").write_bytes(PNG)
        path.symlink_to(tmp_path / "secret.png")
    else:
        path.write_bytes(b"no picture" if kind == "text" else PNG + bytes(MAX_THUMBNAIL_BYTES))
    publish(publication, Reporter())
    item = json.loads(Path(publication.volume, "seal-tags/.stac/items/a.shp.json").read_text())
    assert "thumbnail" not in item["assets"]
    assert not Path(publication.volume, "seal-tags/.stac/thumbnails").exists()


def test_a_zip_does_so_as_well(publication: Publication) -> None:
    leave(publication, DESCRIBED)
    publish(publication._replace(output="temporary"), Reporter())
    with zipfile.ZipFile(publication.zip_path) as archive:
        assert {".stac/catalog.json", ".stac/items/a.shp.json"} <= {*archive.namelist()}


@pytest.mark.parametrize(
    "described",
    [[], [{"name": "../other/a.tif", "geometry": POINT}], [{"name": ["a.shp"], "geometry": POINT}]],
)
def test_unpublished_outputs_have_no_item(publication: Publication, described: list[dict[str, Any]]) -> None:
    leave(publication, described)
    reporter = Reporter()
    publish(publication, reporter)
    assert not Path(publication.volume, "seal-tags/.stac").exists()
    assert not reporter.warnings or not reporter.warnings.total


def test_a_commands_own_directory_of_that_name_is_kept(publication: Publication) -> None:
    leave(publication, DESCRIBED, FILES | {".stac/own": b"theirs"})
    reporter = Reporter()
    publish(publication, reporter)
    assert [each.name for each in Path(publication.volume, "seal-tags/.stac").iterdir()] == ["own"]
    assert reporter.warnings is not None
    assert [each.kind for each in reporter.warnings.first] == ["stac_not_kept"]


def _catalog(published: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((published / ".stac/catalog.json").read_text())
    return found
