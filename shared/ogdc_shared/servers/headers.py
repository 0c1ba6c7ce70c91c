"""Parsing response headers about a file."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from ogdc_shared.filenames import name_from_disposition
from ogdc_shared.servers.response import InterruptedFetchError

if TYPE_CHECKING:
    import urllib3

_PART = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
"""Content-Range of a part. Source: RFC 9110, section 14.4."""


def fits(response: urllib3.BaseHTTPResponse, offset: int, validator: str | None) -> bool:
    """Whether a partial answer goes on where we stopped, with the same file; any other answer fits.

    Servers there are that know ranges and no If-Range: they send a piece of what they have now.
    """
    if response.status != 206:
        return True
    now = response.headers.get("ETag" if (validator or "").startswith('"') else "Last-Modified")
    return now in {None, validator} and content_range(response).startswith(f"bytes {offset}-")


def content_range(response: urllib3.BaseHTTPResponse) -> str:
    """Return the range of a partial response; empty if missing."""
    return response.headers.get("Content-Range", "")


def size_of_file(response: urllib3.BaseHTTPResponse, begins: int) -> int | None:
    """Return the size of the whole file as it is sent; None if unknown.

    Args:
        response: The response.
        begins: Number of bytes of the file before its body.

    Raises:
        InterruptedFetchError: a length is not a number, or the range was not requested.
    """
    length = _length(response)
    if response.status != 206:
        return length
    part = _PART.fullmatch(content_range(response).strip())
    if part is None or int(part[1]) != begins:
        raise InterruptedFetchError("it sent another part of the file than was requested")
    if part[2] != "*":
        return int(part[2])
    return None if length is None else begins + length


def _length(response: urllib3.BaseHTTPResponse) -> int | None:
    """The body's bytes; the same number given twice counts once, and chunks have an end of their own.

    Source: RFC 9112, section 6.3.
    """
    transfer = response.headers.get("Transfer-Encoding", "")
    if transfer.strip().lower() not in {"", "chunked", "identity"}:
        raise InterruptedFetchError(f"its server sends it as {transfer[:40]!r}, which was not requested")
    given = response.headers.get("Content-Length")
    if given is None or transfer:
        return None
    lengths = {each.strip() for each in given.split(",")}
    if len(lengths) > 1 or not all(each.isdecimal() for each in lengths):
        raise InterruptedFetchError(f"its server gives {given[:40]!r} for its length")
    return int(lengths.pop())


def name(response: urllib3.BaseHTTPResponse) -> str | None:
    """The file's name, where the server gives one."""
    return name_from_disposition(response.headers.get("Content-Disposition", ""))


def validator(response: urllib3.BaseHTTPResponse) -> str | None:
    """A strong ETag, else the time of the last change. Source: RFC 9110 section 13.1.5."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else modified(response) or None


def modified(response: urllib3.BaseHTTPResponse) -> str:
    """Return the time of the last change if it identifies this state of the file; empty otherwise.

    It has a resolution of seconds, so a file that was changed within the last second may change again.

    Source: RFC 9110 section 8.8.2.2.
    """
    changed = response.headers.get("Last-Modified", "")
    if not changed:
        return ""
    from email.utils import parsedate_to_datetime

    try:
        sent = parsedate_to_datetime(response.headers.get("Date", ""))
        return changed if (sent - parsedate_to_datetime(changed)).total_seconds() >= 1 else ""
    except (TypeError, ValueError):
        return ""


def tells(response: urllib3.BaseHTTPResponse, known: tuple[str, str], size: int | None) -> bool:
    """Whether a response describes the same state of a file as an earlier one.

    Args:
        response: The response.
        known: ETag and `modified` of the earlier one.
        size: Size of the file, or None if unknown; not compared if the response is compressed.
    """
    length = None if response.headers.get("Content-Encoding") else size_of_file(response, 0)
    found = (response.headers.get("ETag", ""), modified(response))
    return found == known and (size is None or length in {None, size})


def asked_pause(asked: str) -> float | None:
    """Read what Retry-After says, seconds or a date. Source: RFC 9110 section 10.2.3."""
    asked = asked.strip()
    if not asked:
        return None
    if asked.isdecimal():
        return float(asked)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return None
