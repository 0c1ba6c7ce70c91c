"""Handing out the page about runs: files that were built from `functions/ui`, and are the same for everybody.

Source: https://www.w3.org/TR/CSP3/ (what the page may do).
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
"""What the page may do. `wasm-unsafe-eval` lets its own scripts have SQLite compiled, which reads
GeoPackages; no text becomes a script by it."""
_ORIGIN = re.compile(r"[\w.:\[\]-]+", re.ASCII)
"""What can stand in a policy."""
_ENTRY, _HASHED = "index.html", "assets/"
"""The page itself, and the directory of what has a hash of its content in its name."""


class _File(NamedTuple):
    content: bytes
    content_type: str
    cached: str


def page_response(context: Context, request: Request) -> Response:
    """Answer with the page, below whose own path the addresses in it are looked for."""
    if not request.path.endswith("/"):
        query = request.query_string.decode("latin-1")
        return Response(status=307, headers={"Location": f"ui/?{query}" if query else "ui/"})
    response = file_response(request, _ENTRY)
    response.headers["Content-Security-Policy"] = _CSP.format(" ".join(_asked(context.settings)))
    return response


def _asked(settings: Settings) -> list[str]:
    """Whom the page may send requests to: this origin, and the issuer's that people log in at."""
    asked = ["'self'"]
    if settings.access_mode == "authenticated" and settings.oidc.client:
        issuer = urlsplit(next((each.issuer for each in settings.oidc.of_users() if each.others), ""))
        asked += [f"{issuer.scheme}://{issuer.netloc}"] if _ORIGIN.fullmatch(issuer.netloc) else []
    return asked


def file_response(request: Request, path: str) -> Response:
    """Answer with a file that the page is made of.

    Raises:
        NotFound: it is made of no such file.
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
    """A file as it is sent to nearly everybody; those of the map take a moment and are seldom asked for."""
    return gzip.compress(_files()[path].content, mtime=0)


@cache
def _files() -> dict[str, _File]:
    """All files, by the path that is asked for; they are few, and together some 2 MB."""
    return {path.relative_to(_BUILT).as_posix(): _read(path) for path in _BUILT.rglob("*") if path.is_file()}


def _read(path: Path) -> _File:
    is_hashed = path.relative_to(_BUILT).as_posix().startswith(_HASHED)
    content = path.read_bytes()
    return _File(
        content,
        _TYPES.get(path.suffix, "application/octet-stream"),
        "public, max-age=31536000, immutable" if is_hashed else "no-cache",
    )
