"""Conditional requests: a client that polls gets 304 as long as nothing has changed.

Source: RFC 9110, sections 8.8.3 (ETag) and 13.1.2 (If-None-Match).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from flask import Request, Response
from msgspec import Struct

from ogdc_functions.http.responses import struct_response
from ogdc_shared.db.runs import Run, digest


def tag_of(answer: type[Struct], runs: Sequence[Run], next_page: str | None = None) -> str:
    """The ETag of a response about some runs; it also depends on the fields of the response type."""
    content = f"{digest(runs)} {answer.__struct_fields__} {next_page}"
    return sha256(content.encode()).hexdigest()[:32]


def unless_known(request: Request, tag: str, answer: Callable[[], Struct]) -> Response:
    """Answer with 304 if the caller has this version, else with the result of `answer`.

    That result may be newer than the tag, but never older; then the caller fetches it once more.
    """
    known = request.if_none_match.contains_weak(tag)
    response = Response(status=304) if known else struct_response(answer())
    response.set_etag(tag, weak=True)
    return response
