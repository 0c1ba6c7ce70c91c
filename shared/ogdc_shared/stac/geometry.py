"""GeoJSON geometries from facts of tasks: validation, winding order and bounding boxes.

Source: RFC 7946, sections 3.1 (geometries), 3.1.6 (the winding of rings) and 5.2 (bounding boxes over the
antimeridian).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Position = list[float]

_DEPTHS = {"Point": 0, "LineString": 1, "Polygon": 2, "MultiPolygon": 3}
"""How deep the positions of a geometry lie in lists."""
_WHOLE = (-180.0, 180.0)


def geometry_of(value: Any) -> dict[str, Any] | None:
    """Return a valid GeoJSON geometry with outer rings counter-clockwise, or None if it is not valid."""
    if not isinstance(value, dict):
        return None
    kind = value.get("type")
    if kind == "GeometryCollection" and isinstance(value.get("geometries"), list):
        parts = [geometry_of(each) for each in value["geometries"]]
        return {"type": kind, "geometries": parts} if parts and None not in parts else None
    if kind not in _DEPTHS or not _is_formed(value.get("coordinates"), _DEPTHS[kind]):
        return None
    return {"type": kind, "coordinates": _wound(value["coordinates"], _DEPTHS[kind])}


def bounds_of(geometry: dict[str, Any]) -> list[float]:
    """Return west, south, east, north in degrees; west exceeds east if it crosses the antimeridian."""
    parts = list(_parts(geometry))
    latitudes = [latitude for part in parts for _, latitude in part]
    west, east = _around([(min(x for x, _ in part), max(x for x, _ in part)) for part in parts])
    return [west, min(latitudes), east, max(latitudes)]


def _around(ranges: list[tuple[float, float]]) -> tuple[float, float]:
    """The shortest way from west to east that takes in all ranges of longitudes."""
    begun = sorted(ranges)
    merged = [begun[0]]
    for west, east in begun[1:]:
        if west <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], east))
        else:
            merged.append((west, east))
    if len(merged) == 1:
        return merged[0]
    following = [*merged[1:], (merged[0][0] + 360, merged[0][1] + 360)]
    gaps = [later[0] - earlier[1] for earlier, later in zip(merged, following, strict=True)]
    widest = max(range(len(gaps)), key=gaps.__getitem__)
    if gaps[widest] == 0:
        return _WHOLE
    return merged[(widest + 1) % len(merged)][0], merged[widest][1]


def _parts(geometry: dict[str, Any]) -> Iterator[list[Position]]:
    """Yield the positions of each part that is connected."""
    if geometry["type"] == "GeometryCollection":
        for each in geometry["geometries"]:
            yield from _parts(each)
        return
    coordinates, depth = geometry["coordinates"], _DEPTHS[geometry["type"]]
    if depth == 0:
        yield [coordinates]
    elif depth == 1:
        yield coordinates
    else:
        polygons = [coordinates] if depth == 2 else coordinates
        yield from (polygon[0] for polygon in polygons)


def _is_formed(value: Any, depth: int) -> bool:
    if depth == 0:
        return (
            isinstance(value, list)
            and len(value) == 2
            and all(map(_is_number, value))
            and _is_on_earth(*value)
        )
    least = 4 if depth == 2 else 1
    if not isinstance(value, list) or not value:
        return False
    return all(_is_formed(each, depth - 1) and (depth != 2 or len(each) >= least) for each in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_on_earth(longitude: float, latitude: float) -> bool:
    return -180 <= longitude <= 180 and -90 <= latitude <= 90  # not so of what is no number


def _wound(value: Any, depth: int) -> Any:
    if depth == 3:
        return [_wound(each, 2) for each in value]
    if depth < 2:
        return value
    outer, *holes = value
    return [
        outer if _area(outer) >= 0 else outer[::-1],
        *(each[::-1] if _area(each) > 0 else each for each in holes),
    ]


def _area(ring: list[Position]) -> float:
    """Twice the area that a ring goes around, in degrees; negative if it does so clockwise."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise(ring))
