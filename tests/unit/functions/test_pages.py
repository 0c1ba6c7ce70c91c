"""The page about runs as it is handed out, and that it is what its sources make."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from flask import Flask, Request
from flask import request as asked
from werkzeug.test import Client, EnvironBuilder, TestResponse

from ogdc_functions import pages, status
from ogdc_shared.config import Settings
from ogdc_shared.context import Context

ROOT = Path(__file__).parents[3]
SOURCES, BUILT = ROOT / "functions" / "ui", ROOT / "functions" / "ogdc_functions" / "static"
ISSUER = {
    "OGDC_OIDC_ISSUER": "https://login.example.org:8443/realms/science",
    "OGDC_OIDC_AUDIENCE": '["ogdc"]',
    "OGDC_OIDC_CLIENT": "ogdc-cli",
}
OF_OTHERS = ("openlayers-", "sqlite-")
"""Whose texts name web sites; that nothing is asked of them is tried in a browser."""
MAX_PACKED, MAX_MAP = 30_000, 400_000
"""Bytes of all that a browser loads before it shows a list of runs, and of what a map takes besides."""


@pytest.fixture(params=["", "/api"])
def get(request: pytest.FixtureRequest) -> Callable[..., TestResponse]:
    """Ask the function for a path, which may stand below /api."""
    function = status.build(Context(Settings(access_mode="authenticated")))
    app = Flask("status")
    app.add_url_rule("/<path:path>", view_func=lambda path: function(asked), strict_slashes=False)
    client = Client(app)
    return lambda path, **options: client.get(request.param + path, **options)


def test_the_page_is_served_without_authentication(get: Callable[..., TestResponse]) -> None:
    page = get("/ui/")
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-cache")
    assert page.content_type == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:src|href)="\./([^"]+)"', page.text)
    assert {Path(path).suffix for path in loaded} == {".js", ".css"}
    for path in loaded:
        file = get(f"/ui/{path}")
        assert file.status_code == 200
        assert "immutable" in file.headers["Cache-Control"]
        assert file.content_type in {"text/javascript; charset=utf-8", "text/css; charset=utf-8"}


def test_compressed_files_equal_the_originals(get: Callable[..., TestResponse]) -> None:
    page = get("/ui/", headers={"Accept-Encoding": "br, gzip"})
    assert page.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(page.data) == get("/ui/", headers={"Accept-Encoding": "gzip;q=0"}).data
    assert page.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(("query", "location"), [("", "ui/"), ("?run=a&tab=%0d", "ui/?run=a&tab=%0d")])
def test_the_page_without_a_slash_redirects(
    get: Callable[..., TestResponse], query: str, location: str
) -> None:
    answer = get(f"/ui{query}")
    assert (answer.status_code, answer.headers["Location"]) == (307, location)


@pytest.mark.parametrize(
    "path",
    [
        "../status.py",
        "%2e%2e/status.py",
        "assets",
        "assets/",
        "/etc/passwd",
        "assets/..%2f..%2fpages.py",
        "%00",
    ],
)
def test_no_other_files_are_served(get: Callable[..., TestResponse], path: str) -> None:
    assert get(f"/ui/{path}").status_code == 404


def test_the_content_security_policy_allows_only_this_origin(get: Callable[..., TestResponse]) -> None:
    policy = get("/ui/").headers["Content-Security-Policy"]
    sources = {word for rule in policy.split("; ") for word in rule.split(" ")[1:]}
    assert sources == {"'none'", "'self'", "'wasm-unsafe-eval'", "data:"}
    assert "<script>" not in get("/ui/").text
    assert "style=" not in get("/ui/").text
    for file in BUILT.rglob("*.*"):
        if file.suffix not in {".md", ".wasm"} and not file.name.startswith(OF_OTHERS):
            hosts = re.findall(r"https?://([^/\"'`\s]+)", file.read_text())
            assert {*hosts} <= {"www.w3.org"}, file  # SVG's and MathML's names


def test_the_page_is_small() -> None:
    built = {path for path in BUILT.rglob("*") if path.suffix in {".html", ".js", ".css"}}
    index = (BUILT / "index.html").read_text()
    first = {path for path in built if path.name in index or path.name == "index.html"}
    assert packed_size(first) <= MAX_PACKED
    assert packed_size(built - first) <= MAX_MAP


def packed_size(paths: Iterable[Path]) -> int:
    return sum(len(gzip.compress(path.read_bytes())) for path in paths)


def test_the_built_page_matches_its_sources() -> None:
    """Without building anything: CI does that, too."""
    recorded = dict(
        reversed(line.split("  ", 1)) for line in (SOURCES / "built.sha256").read_text().splitlines()
    )
    found = [*SOURCES.glob("*.*"), *SOURCES.glob("src/**/*.*"), *BUILT.rglob("*.*")]
    assert {(SOURCES / name).resolve() for name in recorded} == {
        path for path in found if path.is_file() and path.name != "built.sha256"
    }
    for name, digest in recorded.items():
        assert hashlib.sha256((SOURCES / name).read_bytes()).hexdigest() == digest, f"{name}: run `make ui`"


def test_the_built_files_are_read_once(
    get: Callable[..., TestResponse], monkeypatch: pytest.MonkeyPatch
) -> None:
    get("/ui/")
    monkeypatch.setattr(pages, "_BUILT", Path("/nowhere"))
    assert get("/ui/").status_code == 200


@pytest.mark.parametrize(
    ("mode", "oidc", "may_ask"),
    [
        ("authenticated", {}, "'self'"),
        ("authenticated", ISSUER, "'self' https://login.example.org:8443"),
        ("authenticated", ISSUER | {"OGDC_OIDC_CLIENT": ""}, "'self'"),
        ("open", ISSUER, "'self'"),
    ],
)
def test_the_content_security_policy_allows_the_issuer(mode: str, oidc: dict[str, str], may_ask: str) -> None:
    context = Context(Settings.from_env({"ACCESS_MODE": mode} | oidc))
    page = pages.page_response(context, Request(EnvironBuilder(path="/ui/").get_environ()))
    assert f"connect-src {may_ask};" in page.headers["Content-Security-Policy"]
