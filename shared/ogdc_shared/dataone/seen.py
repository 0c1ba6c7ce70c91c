"""Facts about a result's files that help people to find data, read from its STAC items."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

ITEMS = ".stac/items"
"""Directory of the items, relative to that of the result."""
_MAX_ITEM = 1 << 20
_MAX_COLUMNS, _MAX_BANDS = 20, 10
_NO_ITEM = (OSError, ValueError, ArithmeticError, KeyError, TypeError, AttributeError, RecursionError)
"""Errors of reading a damaged or forged item."""
_WKT_NAME = re.compile(r'[A-Z]+\["([^"]{1,100})"')


Box = tuple[float, float, float, float]


class Seen(NamedTuple):
    """Facts about a file, from its STAC item."""

    text: str
    """Such as `3 features of type Point in EPSG:3413, with the attributes name (String), …`."""
    box: Box | None
    """West, south, east and north in degrees, WGS 84; west is greater than east across the antimeridian."""


def read_items(directory: Path) -> dict[str, Seen]:
    """Read the STAC items of a result, by file path; invalid items are skipped."""
    found = {}
    for path in sorted((directory / ITEMS).glob("*.json")):
        with suppress(*_NO_ITEM):
            with path.open("rb") as file:
                item = json.loads(file.read(_MAX_ITEM))
            found[str(item["id"])] = Seen(_text(item["properties"], item["assets"]["data"]), _box(item))
    return found


def union(boxes: Sequence[Box]) -> Box | None:
    """Return a box around all boxes, or None if there are none.

    If there are several and one crosses the antimeridian, the result spans all longitudes.
    """
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    if any(begin > end for begin, end in zip(west, east, strict=True)) and len(boxes) > 1:
        return -180.0, min(south), 180.0, max(north)
    return min(west), min(south), max(east), max(north)


def _box(item: dict[str, Any]) -> Box | None:
    west, south, east, north = (float(each) for each in item["bbox"])
    is_one = all(isfinite(each) for each in (west, south, east, north)) and -90 <= south <= north <= 90
    return (west, south, east, north) if is_one and max(abs(west), abs(east)) <= 180 else None


def _text(properties: dict[str, Any], data: dict[str, Any]) -> str:
    crs = properties.get("proj:code") or _name(properties.get("proj:wkt2"))
    place = f" in {crs}" if crs else ""
    if shape := properties.get("proj:shape"):
        rows, across = (int(each) for each in shape)
        bands = "; ".join(_bands(data.get("bands") or []))
        return f"a raster of {rows:,} rows and {across:,} columns{place}{bands and f': {bands}'}"
    columns = [(each["name"], each["type"]) for each in properties.get("table:columns", ())]
    geometry = properties.get("table:primary_geometry")
    at = max((at for at, (name, _) in enumerate(columns) if name == geometry), default=None)
    kind = None if at is None else columns.pop(at)[1]
    count = properties.get("table:row_count")
    features = "features" if count is None else f"{count:,} feature{'' if count == 1 else 's'}"
    shown = ", ".join(f"{name} ({each})" for name, each in columns[:_MAX_COLUMNS])
    more = int(properties.get("ogdc:attribute_count", len(columns))) - _MAX_COLUMNS
    attributes = f", with the attributes {shown}{f' and {more:,} more' if more > 0 else ''}" if shown else ""
    return f"{features}{(kind and f' of type {kind}') or ''}{place}{attributes}"


def _name(wkt: Any) -> str:
    found = _WKT_NAME.match(wkt) if isinstance(wkt, str) else None
    return f"the CRS {found[1]}" if found else ""


def _bands(bands: list[dict[str, Any]]) -> Iterator[str]:
    """Yield descriptions of bands; equal bands in a row are described together."""
    shown = 0
    for words, alike in groupby(bands, _band):
        if shown == _MAX_BANDS:
            yield f"and more, {len(bands)} bands in all"
            return
        shown, count = shown + 1, len(list(alike))
        yield f"{count} band{'' if count == 1 else 's'} {words}".rstrip()


def _band(band: dict[str, Any]) -> str:
    facts = [str(band[name]) for name in ("description", "data_type", "unit") if band.get(name)]
    if "nodata" in band:
        nodata = band["nodata"]
        is_whole = isinstance(nodata, float) and nodata.is_integer()
        facts.append(f"no data {int(nodata) if is_whole else nodata}")
    return f"({', '.join(facts)})" if facts else ""
