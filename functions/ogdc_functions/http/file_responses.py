"""Responses with an output file, which support ranges and are never rendered as a page of this origin.

Source: RFC 9110, sections 13 (conditions) and 14 (ranges); RFC 6266 and RFC 8187 (the file's name).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from urllib.parse import quote

from flask import Request, Response
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from ogdc_shared.outputs.output_file import OutputFile, media_type

_CSP = "default-src 'none'; frame-ancestors 'none'; sandbox"
_CACHED = "private, no-cache"
"""Browsers may store it but must revalidate each time, which also checks permissions again."""


def file_response(request: Request, file: OutputFile) -> Response:
    """Answer with a file, the requested range of it, or 304; the file is closed at the end.

    Raises:
        RequestedRangeNotSatisfiable: the range is outside the file.
        OgdcError: the first block cannot be read.
    """
    try:
        response = _response(request, file)
    except BaseException:
        file.close()
        raise
    response.call_on_close(file.close)
    return response


def _closing(file: OutputFile, pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    finally:
        file.close()


def _response(request: Request, file: OutputFile) -> Response:
    headers = _headers(file)
    if request.if_none_match.contains_weak(file.etag):
        file.close()
        return Response(status=304, headers=headers)
    part = _part(request, file)
    begin, end = part or (0, file.size)
    if part:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{file.size}"
    headers["Content-Length"] = str(end - begin)
    pieces = _closing(file, iter(()) if request.method == "HEAD" else file.read(begin, end))
    first = next(pieces, b"")  # read before answering, so that an unreadable file is an error response
    content_type = media_type(file.path)
    return Response(chain([first], pieces), 206 if part else 200, headers, content_type=content_type)


def _headers(file: OutputFile) -> dict[str, str]:
    name = quote(file.path.rpartition("/")[2], safe="")
    return {
        "ETag": f'"{file.etag}"',
        "Accept-Ranges": "bytes" if file.is_seekable else "none",
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Security-Policy": _CSP,
        "Cache-Control": _CACHED,
    }


def _part(request: Request, file: OutputFile) -> tuple[int, int] | None:
    """The requested range; None: the whole file, also for multiple ranges, which servers may ignore."""
    condition = request.headers.get("If-Range")
    asked = request.range if request.method == "GET" and file.is_seekable else None
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    if condition is not None and condition.strip() != f'"{file.etag}"':
        return None
    found = asked.range_for_length(file.size)
    if found is None or found[0] < 0:
        raise RequestedRangeNotSatisfiable(file.size)
    return found
