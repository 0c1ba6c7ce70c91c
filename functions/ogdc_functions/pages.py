"""Serving the web page about runs: static files built from `functions/ui`.

Source: https://www.w3.org/TR/CSP3/ (Content-Security-Policy).
"""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from flask import Request, Response

from ogdc_functions.http.responses import nothing_at
from ogdc_shared.config import Settings
from ogdc_shared.context import Context

_BUILT = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
_CSP = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; connect-src {}; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""`wasm-unsafe-eval` allows scripts to compile WebAssembly (SQLite, for GeoPackages), not `eval`."""
_ORIGIN = re.compile(r"[\w.:\[\]-]+", re.ASCII)
"""Characters of an origin that are safe in a policy."""
_ENTRY, _HASHED = "index.html", "assets/"
"""The page itself, and the directory of files with a hash of their content in their name."""


class _File(NamedTuple):
    content: bytes
    content_type: str
    cached: str


def page_response(context: Context, request: Request) -> Response:
    """Answer with the page; its relative links need a path that ends with a slash."""
    if not request.path.endswith("/"):
        query = request.query_string.decode("latin-1")
        return Response(status=307, headers={"Location": f"ui/?{query}" if query else "ui/"})
    response = file_response(request, _ENTRY)
    response.headers["Content-Security-Policy"] = _CSP.format(" ".join(_connect_sources(context.settings)))
    return response


def _connect_sources(settings: Settings) -> list[str]:
    """The origins that the page may send requests to: its own, and that of the issuer."""
    sources = ["'self'"]
    if settings.access_mode == "authenticated" and settings.oidc.client:
        issuer = urlsplit(next((each.issuer for each in settings.oidc.of_users() if each.others), ""))
        sources += [f"{issuer.scheme}://{issuer.netloc}"] if _ORIGIN.fullmatch(issuer.netloc) else []
    return sources


def file_response(request: Request, path: str) -> Response:
    """Answer with a static file of the page.

    Raises:
        NotFound: there is no such file.
    """
    file = _files().get(path)
    if file is None:
        raise nothing_at(request.path)
    packed = request.accept_encodings.quality("gzip") > 0
    headers = {"Cache-Control": file.cached, "Vary": "Accept-Encoding"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    content = _packed(path) if packed else file.content
    return Response(content, headers=headers, content_type=file.content_type)


@cache
def _packed(path: str) -> bytes:
    """A file compressed with gzip; cached on first use, since the files of the map take a moment."""
    return gzip.compress(_files()[path].content, mtime=0)


@cache
def _files() -> dict[str, _File]:
    """All files by path, kept in memory; together they have some 2 MB."""
    return {path.relative_to(_BUILT).as_posix(): _read(path) for path in _BUILT.rglob("*") if path.is_file()}


def _read(path: Path) -> _File:
    is_hashed = path.relative_to(_BUILT).as_posix().startswith(_HASHED)
    content = path.read_bytes()
    return _File(
        content,
        _TYPES.get(path.suffix, "application/octet-stream"),
        "public, max-age=31536000, immutable" if is_hashed else "no-cache",
    )
