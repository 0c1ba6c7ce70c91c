"""A member node's list of its objects, which says as much about each as a HEAD request.

Source: DataONE Types v1, ObjectList; DataONE Architecture, MNRead.listObjects. Coordinating nodes harvest
member nodes with it. GMN 3.5.2 and Metacat 3.3.0 read it from the table that also answers a HEAD request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlencode

from ogdc_shared.xml_reading import parse

PAGE = 1000
"""Objects that are requested per page; a node may send fewer."""
MAX_PAGES = 30
"""Maximum number of pages that are requested; objects on later pages are requested one by one."""
MAX_PAGE = 4 << 20
"""Maximum size of a page in bytes; an object takes about 400."""
_MARGIN = 2.0
"""Seconds by which the clocks of a node's server and database may differ.

If they differ by more, objects are missing in the list and are requested one by one."""


class Listed(NamedTuple):
    """A page of the list."""

    total: int
    """Number of objects on all pages."""
    objects: dict[str, tuple[str, str, str]]
    """Size, checksum and format by identifier."""


def query(since: float, *, start: int) -> str:
    """Return the query for a page of objects added or changed since a node's time (see `time_of`)."""
    begin = datetime.fromtimestamp(since - _MARGIN, UTC)
    return urlencode({"fromDate": f"{begin:%Y-%m-%dT%H:%M:%S}Z", "start": start, "count": PAGE})


def time_of(headers: Mapping[str, str]) -> float | None:
    """Return a node's time from the headers of a response, in seconds since 1970, or None if unknown."""
    return _seconds(headers.get("Date", ""))


@lru_cache(maxsize=1)
def _seconds(date: str) -> float | None:
    """Parse an HTTP date. It is cached, since hundreds of responses within a second have the same date."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def read(document: bytes) -> Listed:
    """Read a page.

    Raises:
        ParseError: it is not XML.
        ValueError: it is not a list of objects.
    """
    root = parse(document)
    objects = {}
    for each in root.iter("objectInfo"):
        pid, size, format_id = (each.findtext(name) or "" for name in ("identifier", "size", "formatId"))
        checksum = each.find("checksum")
        algorithm = "" if checksum is None else checksum.get("algorithm", "")
        digest = "" if checksum is None else checksum.text or ""
        objects[pid] = (size, f"{algorithm},{digest}".lower(), format_id)
    return Listed(int(root.get("total", "")), objects)
