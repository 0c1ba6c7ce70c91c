"""The files of a run's result, as served by the status function, completely and in ranges."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from ogdc_shared.layout import output_key, receipt
from ogdc_shared.outputs.thumbnails import PNG, thumbnail_path
from support.argo_server import ArgoServer
from support.runs import recipe_files, started, tell

RASTER = bytes(range(256)) * 20
TABLE = b"x,y\n1,2\n" * 4000
FILES = {"maps/ice ü+1%.tif": RASTER, "page.html": b"<script>alert(1)</script>", "table.csv": TABLE}


@pytest.fixture(autouse=True)
def volume(tmp_path: Path, environment: pytest.MonkeyPatch) -> Path:
    environment.setenv("OGDC_PUBLISHED_DIR", str(tmp_path / "volume"))
    return tmp_path / "volume"


@pytest.fixture
def publish(
    submit: FlaskClient, argo_events: FlaskClient, argo: ArgoServer, artifacts: Path, volume: Path
) -> Callable[[str], str]:
    """Have a run succeed with FILES as its result; returns its name."""

    def publish(output: str) -> str:
        name = started(submit, files=recipe_files(output=output))
        tell(argo_events, argo.advance(name, "Succeeded"))
        if output == "temporary":
            path = artifacts / output_key(name, "seal-tags")
            path.parent.mkdir(parents=True)
            with zipfile.ZipFile(path, "w") as archive:
                for file, content in sorted(FILES.items()):
                    method = zipfile.ZIP_STORED if file.endswith("tif") else zipfile.ZIP_DEFLATED
                    archive.writestr(file, content, method)
        else:
            for file, content in FILES.items():
                (volume / "seal-tags" / file).parent.mkdir(parents=True, exist_ok=True)
                (volume / "seal-tags" / file).write_bytes(content)
            note_publisher(volume, name)
        return name

    return publish


def note_publisher(volume: Path, name: str) -> None:
    (volume / receipt("seal-tags")).parent.mkdir(parents=True, exist_ok=True)
    (volume / receipt("seal-tags")).write_text(json.dumps({"run": name}))


@pytest.fixture(params=["temporary", "pvc"])
def name(request: pytest.FixtureRequest, publish: Callable[[str], str]) -> str:
    """A run that has FILES as its result."""
    return publish(request.param)


def test_output_files_are_listed_with_links(name: str, status: FlaskClient) -> None:
    files, after = [], {}
    while True:
        page = status.get(f"/runs/{name}/outputs", query_string={"limit": 2} | after).get_json()
        files += page["files"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert [(file["path"], file["size"]) for file in files] == [(n, len(c)) for n, c in FILES.items()]
    assert [file["type"] for file in files] == [
        "image/tiff",
        "application/octet-stream",
        "text/csv; charset=utf-8",
    ]
    for file in files:
        assert status.get(file["url"]).data == FILES[file["path"]]
    links = status.get(f"/runs/{name}").get_json()["links"]
    assert links["outputs"] == f"/runs/{name}/outputs"


def test_files_with_a_thumbnail_have_a_link_to_it(
    publish: Callable[[str], str], status: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = thumbnail_path("maps/ice ü+1%.tif")
    monkeypatch.setitem(FILES, path, PNG + b"tiny")
    monkeypatch.setitem(FILES, ".stac/catalog.json", b"{}")
    for output in ("temporary", "pvc"):
        name = publish(output)
        listed = status.get(f"/runs/{name}/outputs").get_json()["files"]
        assert {file["path"]: file["thumbnail"] for file in listed if file["thumbnail"]} == {
            "maps/ice ü+1%.tif": f"/runs/{name}/outputs/{path}"
        }
        picture = status.get(f"/runs/{name}/outputs/{path}")
        assert (picture.data, picture.content_type) == (PNG + b"tiny", "image/png")


def test_output_files_cannot_run_scripts_in_a_browser(name: str, status: FlaskClient) -> None:
    headers = status.get(f"/runs/{name}/outputs/page.html").headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''page.html"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"].split("; ")
    raster = status.get(f"/runs/{name}/outputs/maps/ice%20%C3%BC%2B1%25.tif").headers
    assert raster["Content-Disposition"] == "attachment; filename*=UTF-8''ice%20%C3%BC%2B1%25.tif"


def test_a_range_request_returns_a_part_of_the_file(name: str, status: FlaskClient) -> None:
    ranges = {
        "bytes=0-0": (0, 1),
        "bytes=10-99": (10, 100),
        "bytes=100-": (100, None),
        "bytes=-7": (-7, None),
    }
    for file in ("maps/ice ü+1%.tif", "table.csv"):
        content = FILES[file]
        for asked, (begin, end) in ranges.items():
            response = status.get(f"/runs/{name}/outputs/{quote(file)}", headers={"Range": asked})
            assert (response.status_code, response.data) == (206, content[begin:end])
            first, last = begin % len(content), (len(content) if end is None else end) - 1
            assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(content)}"
            assert response.headers["Content-Length"] == str(last + 1 - first)


def test_range_headers_are_validated(name: str, status: FlaskClient) -> None:
    path = f"/runs/{name}/outputs/table.csv"
    whole = status.get(path)
    etag = whole.headers["ETag"]
    assert (whole.status_code, whole.data, whole.headers["Accept-Ranges"]) == (200, TABLE, "bytes")

    def ask(**headers: str) -> tuple[int, int]:
        response = status.get(path, headers={key.replace("_", "-"): text for key, text in headers.items()})
        return response.status_code, len(response.data)

    assert ask(Range="bytes=0-9", If_Range=etag) == (206, 10)
    assert ask(Range="bytes=0-9", If_Range='"another"') == (200, len(TABLE))
    assert ask(Range="bytes=0-9", If_Range=f"W/{etag}") == (200, len(TABLE))
    assert ask(Range="bytes=0-9", If_Range="Fri, 27 Nov 2026 12:00:00 GMT") == (200, len(TABLE))
    assert ask(Range="bytes=0-1,5-6") == (200, len(TABLE))
    assert ask(Range="lines=0-1") == (200, len(TABLE))
    assert ask(Range="bytes=x") == (200, len(TABLE))
    assert ask(If_None_Match=etag) == (304, 0)
    assert ask(If_None_Match=etag, Range="bytes=0-9") == (304, 0)
    assert ask(If_None_Match='"another"') == (200, len(TABLE))
    beyond = status.get(path, headers={"Range": f"bytes={len(TABLE)}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(TABLE)}")
    head = status.head(path, headers={"Range": "bytes=0-9"})
    assert (head.status_code, head.headers["Content-Length"], head.data) == (200, str(len(TABLE)), b"")


def test_what_is_no_file_of_it_is_not_there(name: str, status: FlaskClient) -> None:
    for path in (
        *("nothing.tif", "maps", "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd"),
        *("..%2f..%2fetc%2fpasswd", "%2Fetc%2Fpasswd", "table.csv%00", "maps//ice", "%ff", "x" * 3000),
    ):
        response = status.get(f"/runs/{name}/outputs/{path}")
        assert response.status_code == 404, path
        assert "root:" not in response.text


def test_outputs_of_an_unknown_run_are_404(status: FlaskClient) -> None:
    assert status.get("/runs/nobody/outputs").status_code == 404
    assert status.get("/runs/nobody/outputs/a").status_code == 404


@pytest.mark.parametrize("output", ["temporary", "pvc"])
def test_outputs_of_an_unfinished_run_are_not_available(
    submit, status, argo_events, argo: ArgoServer, volume: Path, output: str
) -> None:
    name = started(submit, files=recipe_files(output=output))
    assert status.get(f"/runs/{name}/outputs").status_code == 409
    tell(argo_events, argo.advance(name, "Failed"))
    assert status.get(f"/runs/{name}/outputs/a").status_code == 409
    refused = status.get(f"/output/{name}")
    assert (refused.status_code, refused.get_json()["detail"].split(".")[0]) == (
        409,
        f"Run {name} failed, so it has no result",
    )
    assert "outputs" not in status.get(f"/runs/{name}").get_json()["links"]


@pytest.mark.parametrize(("output", "left"), [("temporary", {"logs", "provenance"}), ("pvc", {"outputs"})])
def test_a_removed_run_has_no_links_to_what_is_gone(
    publish, submit: FlaskClient, status: FlaskClient, output: str, left: set[str]
) -> None:
    name = publish(output)
    assert submit.delete(f"/runs/{name}").status_code == 200
    links = status.get(f"/runs/{name}").get_json()["links"]
    assert links.keys() == {"self", "partitions", "facts", "recipe"} | left


def test_a_zip_that_is_gone_is_410(publish, status: FlaskClient, artifacts: Path) -> None:
    name = publish("temporary")
    (artifacts / output_key(name, "seal-tags")).unlink()
    for path in ("outputs", "outputs/table.csv"):
        assert status.get(f"/runs/{name}/{path}").status_code == 410


def test_replaced_outputs_are_410(publish, status: FlaskClient, volume: Path) -> None:
    name = publish("pvc")
    note_publisher(volume, "another-run")
    response = status.get(f"/runs/{name}/outputs/table.csv")
    assert response.status_code == 410
    detail = response.get_json()["detail"]
    assert (
        "replaced by run another-run. To list the current data: `ogdc-runner outputs another-run`" in detail
    )
    (volume / receipt("seal-tags")).unlink()
    assert status.get(f"/runs/{name}/outputs").status_code == 410


def test_a_result_that_is_a_link_is_not_followed(publish, status: FlaskClient, volume: Path) -> None:
    name = publish("pvc")
    (volume / "seal-tags").rename(volume / "elsewhere")
    (volume / "seal-tags").symlink_to("elsewhere")
    assert status.get(f"/runs/{name}/outputs/table.csv").status_code == 410


def test_outputs_on_the_volume_are_404_if_it_is_not_served(
    publish, status: FlaskClient, environment: pytest.MonkeyPatch, serve
) -> None:
    name = publish("pvc")
    environment.delenv("OGDC_PUBLISHED_DIR")
    response = serve("status").get(f"/runs/{name}/outputs")
    assert response.status_code == 404
    assert "OGDC_PUBLISHED_DIR" in response.get_json()["detail"]


def test_a_zip_that_is_damaged_is_an_error_at_once(publish, status: FlaskClient, artifacts: Path) -> None:
    name = publish("temporary")
    path = artifacts / output_key(name, "seal-tags")
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        at = archive.getinfo("page.html").header_offset + 30 + len("page.html")
    damaged = bytearray(path.read_bytes())
    damaged[at + 3] ^= 0xFF
    path.write_bytes(damaged)
    assert status.get(f"/runs/{name}/outputs/page.html").status_code == 500
