"""Comparing where files lie with the geographic coverage that a data set's metadata give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_shared.dataone.seen import union
from ogdc_shared.several import several
from ogdc_shared.xml_reading import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree import ElementTree

    from ogdc_shared.dataone.seen import Box

_TOLERANCE = 0.05
"""Degrees: authors round to tenths."""
_CELL = 1.0
"""Degrees: a global grid is often described by its outermost cell centers, as in -180 to 179.75."""


def coverage_problem(metadata: bytes, boxes: Mapping[str, Box]) -> str | None:
    """Describe the files that the coverage of a data set does not contain, or return None if it contains all.

    Args:
        metadata: The data set's EML. Several boxes count as the box around them.
        boxes: Where files lie, by their paths.

    Raises:
        ParseError: the metadata are not XML.
    """
    if not boxes:
        return None
    given = union([*filter(None, map(_box, parse(metadata).iterfind(_BOXES)))])
    if given is None:
        return None
    beyond = [path for path, box in boxes.items() if not _contains(given, box)]
    if not beyond:
        return None
    shown = several([f"{path} ({_text(boxes[path])})" for path in beyond], shown=2)
    return (
        f"The geographic coverage in the metadata ({_text(given)}) does not contain {shown}. "
        "Correct `metadata.geographic` (or the coverage in the EML file) or the files' coordinates; without "
        "`metadata.geographic`, the box around the files is published."
    )


_BOXES = "dataset/coverage/geographicCoverage/boundingCoordinates"


def _box(element: ElementTree.Element) -> Box | None:
    sides = ("west", "south", "east", "north")
    try:
        west, south, east, north = (
            float(element.findtext(f"{side}BoundingCoordinate") or "") for side in sides
        )
    except ValueError:
        return None
    return west, south, east, north


def _contains(outer: Box, inner: Box) -> bool:
    """Whether a box contains another, give or take the tolerance on each side."""
    is_wide = _width(outer) + 2 * _CELL >= 360
    begin = (inner[0] - outer[0] + _TOLERANCE) % 360
    is_within = is_wide or begin + _width(inner) <= _width(outer) + 2 * _TOLERANCE
    south = -90 if is_wide and outer[1] - _CELL <= -90 else outer[1] - _TOLERANCE
    north = 90 if is_wide and outer[3] + _CELL >= 90 else outer[3] + _TOLERANCE
    return is_within and south <= inner[1] and inner[3] <= north


def _width(box: Box) -> float:
    """Return the degrees from west to east; west is greater than east if the box crosses the antimeridian."""
    west, _, east, _ = box
    return east - west if east >= west else east - west + 360


def _text(box: Box) -> str:
    names = ("west", "south", "east", "north")
    return ", ".join(f"{name} {side:.2f}" for name, side in zip(names, box, strict=True))
