"""Detects and undoes what a server did to a file: decodes transport compression, rejects login pages."""

from __future__ import annotations

import re
import zlib
from html import unescape
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ogdc_shared.documentation import LOGINS
from ogdc_shared.errors import InputNotFoundError, UnusableInputError
from ogdc_shared.filenames import has_extension, name_from_url
from ogdc_shared.servers.response import PIECE_BYTES, InterruptedFetchError
from ogdc_worker.web_pages import is_web_page, title_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ogdc_shared.servers.response import Response

_COMPRESSED = (".gz", ".tgz", ".svgz", ".z", ".taz")
"""Already compressed files. A Content-Encoding of these only describes the file and is not undone."""
_CODINGS = ("gzip", "x-gzip", "deflate")
_NO_CODINGS = frozenset({"", "none", "identity", "aws-chunked", "binary", "8bit", "utf-8", "utf8"})
"""Given as Content-Encoding by some servers, although they do not change the content: `aws-chunked` describes
how an object was uploaded to S3."""
_GZIP = b"\x1f\x8b"
PAGES = (".html", ".htm", ".xhtml", ".shtml", ".mhtml", ".md", ".txt")
"""Extensions of files that may legitimately be a web page."""
_PART_OF_A_PAGE = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype|html|head|body|title|meta|script|noscript|style|link|center|h1|p|div)\b",
    re.IGNORECASE | re.DOTALL,
)
"""Other beginnings of web pages; only reliable if the server's Content-Type agrees."""
_REPORT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!DOCTYPE[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    rb"<(?:\w+:)?(?:ServiceExceptionReport|ExceptionReport|Error)\b"
    rb'|(?:\xef\xbb\xbf)?\s*\{\s*"errors?"\s*:\s*(?:\{\s*[^\s}]|\[\s*[^\s\]]|"[^"])',
    re.IGNORECASE | re.DOTALL,
)
"""Error documents of map services, object stores and ArcGIS, which some of them send with status 200.

Source: OGC 06-042 (WMS 1.3.0) section 6.11, OGC 06-121r9 (OWS Common) section 8; Esri, "Handling errors".
"""
_MESSAGE = re.compile(
    rb'\s*\{\s*"(?:message|detail|details|fault|exception|code|status|statusCode|success)"\s*:.*\}\s*',
    re.IGNORECASE | re.DOTALL,
)
"""A complete error message of a gateway or framework (Amazon API Gateway, FastAPI)."""
_REPORTS = (".xml", ".json", ".txt", ".log")
"""Extensions of files that may legitimately look like an error document."""
_MESSAGE_BYTES = 1024
_TAG = re.compile(rb"<[^>]*>")
_PASSWORD = re.compile(rb"<input\b[^>]*\btype\s*=\s*[\"']?password\b", re.IGNORECASE)
_ALL_KINDS = zlib.MAX_WBITS | 32
"""Makes zlib accept both zlib and gzip headers."""


def file_pieces(source: str, response: Response, *, name: str) -> Iterator[bytes]:
    """Yield the content of a file without transport compression.

    Args:
        source: The requested URL or path.
        response: The response.
        name: Name that the file will get.

    Raises:
        InputNotFoundError: the response is a web page or an error document instead of the file.
        UnusableInputError: it has an encoding that is not supported.
        InterruptedFetchError: the connection broke, or compressed data ended too early.
    """
    pieces = _decoded(source, response, name=name)
    if response.offset:
        return pieces
    return _without_pages(source, response, pieces, name=name)


def is_decoded(response: Response, *, name: str) -> bool:
    """Whether the stored bytes differ from the transferred ones, so that the download cannot be resumed."""
    return bool(_codings(response)) and not name.lower().endswith(_COMPRESSED)


def _codings(response: Response) -> list[str]:
    """Return the encodings to undo, the last applied first."""
    given = [each.strip() for each in response.encoding.split(",")]
    return [each for each in reversed(given) if each not in _NO_CODINGS]


def _decoded(source: str, response: Response, *, name: str) -> Iterator[bytes]:
    if not is_decoded(response, name=name):
        return iter(response.pieces)
    codings = _codings(response)
    if not set(codings) <= set(_CODINGS):
        raise UnusableInputError(
            f"{source!r} was sent with the encoding {response.encoding!r}, which was not requested and "
            "is not supported. Use a server that sends the file without it."
        )
    pieces = iter(response.pieces)
    for coding in codings:
        pieces = _inflated(pieces, encoding=coding)
    return pieces


def _inflated(pieces: Iterable[bytes], *, encoding: str) -> Iterator[bytes]:
    """Decode gzip or deflate; data that turns out not to be compressed is passed through."""
    stream = iter(pieces)
    first = next(stream, b"")
    while len(first) < len(_GZIP) and (more := next(stream, b"")):
        first += more
    kinds = _kinds(first, encoding=encoding)
    if kinds is None:
        yield first
        yield from stream
        return
    inflater = zlib.decompressobj(kinds)
    try:
        for received in chain([first], stream):
            piece = received
            while piece:
                if inflater.eof:  # a stream may consist of several compressed members, padded with zeros
                    if not (piece := piece.lstrip(b"\0")):
                        break
                    inflater = zlib.decompressobj(kinds)
                yield inflater.decompress(piece, PIECE_BYTES)
                piece = inflater.unconsumed_tail or inflater.unused_data
    except zlib.error as exc:
        raise InterruptedFetchError(f"the server's compression is damaged ({exc})") from exc
    if not inflater.eof:
        raise InterruptedFetchError("the compressed file ends too early")


def _kinds(first: bytes, *, encoding: str) -> int | None:
    """Return the `wbits` that data can be inflated with, or None if it is not compressed.

    Some servers send `deflate` without the header of zlib. Source: RFC 9110 section 8.4.1.2.
    """
    if first.startswith(_GZIP) or first[:1] == b"\x78":
        return _ALL_KINDS
    if encoding != "deflate" or not first:
        return None
    try:
        zlib.decompressobj(-zlib.MAX_WBITS).decompress(first, PIECE_BYTES)
    except zlib.error:
        return None
    return -zlib.MAX_WBITS


def _without_pages(source: str, response: Response, pieces: Iterator[bytes], *, name: str) -> Iterator[bytes]:
    first = next(pieces, b"")
    if _is_in_place_of_data(source, response, first, name=name):
        raise InputNotFoundError(_about(source, response, first))
    if not name.lower().endswith(_REPORTS) and _is_report(first, name=name):
        raise InputNotFoundError(_about_report(source, first))
    yield first
    yield from pieces


def _is_in_place_of_data(source: str, response: Response, first: bytes, *, name: str) -> bool:
    expected = _expected_name(source, response, name)
    if expected.lower().endswith(PAGES) or not _is_page(response, first):
        return False
    elsewhere = bool(response.url) and _place(response.url) != _place(source)
    return has_extension(expected) or (response.page and elsewhere) or bool(_PASSWORD.search(first))


def _expected_name(source: str, response: Response, name: str) -> str:
    """Return the name that tells what was requested, which is not that of a login page."""
    requested = name_from_url(source)
    from_server = bool(response.name) and name.rpartition("/")[2] == response.name
    return requested if from_server and has_extension(requested) else name


def _is_page(response: Response, first: bytes) -> bool:
    return is_web_page(first) or bool(response.page and _PART_OF_A_PAGE.match(first[:4096]))


def _is_report(first: bytes, *, name: str) -> bool:
    if _REPORT.match(first[:4096]):
        return True
    return len(first) <= _MESSAGE_BYTES and has_extension(name) and bool(_MESSAGE.fullmatch(first))


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2], parts.path


def _about(source: str, response: Response, first: bytes) -> str:
    named = title_of(first)
    page = f"a web page ({named!r})" if named else "a web page"
    where = f" at {response.url}" if response.url and _place(response.url) != _place(source) else ""
    host = urlsplit(response.url or source).hostname
    return (
        f"{source!r} cannot be fetched: its server answered with {page}{where} instead of the file, as most "
        f"do if a login is missing. Give the address of the file itself, or a login for {host}: see {LOGINS}"
    )


def _about_report(source: str, first: bytes) -> str:
    text = " ".join(unescape(_TAG.sub(b" ", first[:4096]).decode(errors="replace")).split())[:200]
    return (
        f"{source!r} cannot be fetched: its server answered with the report of an error instead of the file: "
        f"{text!r}. Check the address and what it asks for."
    )
