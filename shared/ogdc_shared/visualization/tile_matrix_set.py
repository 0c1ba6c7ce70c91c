"""Custom tile matrix sets of a recipe: definitions as in morecantile, and their validation.

Source: OGC Two Dimensional Tile Matrix Set 2.0 (17-083r4), JSON encoding. Only quadtrees are supported:
squares, each of which is four of the next level.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec

_CRS = re.compile(r"(https?://www\.opengis\.net/def/crs/|urn:ogc:def:crs:)?(EPSG|OGC)[:/][\w.]*[:/]?[\w.]+")
_CLOSE = 1e-9
"""How much sizes and origins of levels may differ from what they should be, as a share."""


class _Matrix(msgspec.Struct, rename="camel"):
    id: str
    cell_size: float
    point_of_origin: tuple[float, float]
    tile_width: int
    tile_height: int
    matrix_width: int
    matrix_height: int
    corner_of_origin: str = "topLeft"
    variable_matrix_widths: list[Any] | None = None


class _TileMatrixSet(msgspec.Struct, rename="camel"):
    id: str
    crs: str | dict[str, Any]
    tile_matrices: list[_Matrix]


def definition_problems(text: bytes, *, tms_id: str, max_level: int) -> Iterator[str]:
    """Yield what keeps a definition from being the grid `tms_id` with levels from 0 to `max_level`."""
    try:
        found = msgspec.json.decode(text, type=_TileMatrixSet, strict=False)
    except msgspec.ValidationError as exc:
        yield f"is not a tile matrix set ({exc})"
        return
    except msgspec.DecodeError as exc:
        yield f"is not JSON ({exc})"
        return
    if found.id != tms_id:
        yield f"id: is {found.id!r}; the file must have the name of its grid"
    if not _CRS.fullmatch(_crs_name(found.crs)):
        yield "crs: give a code, such as http://www.opengis.net/def/crs/EPSG/0/3413"
    levels = found.tile_matrices
    if [each.id for each in levels[: max_level + 1]] != [str(level) for level in range(max_level + 1)]:
        yield f"tileMatrices: z_range needs levels 0 to {max_level} in order, with their numbers as ids"
        return
    for level, each in enumerate(levels[: max_level + 1]):
        if each.corner_of_origin != "topLeft" or each.variable_matrix_widths:
            yield f"tileMatrices[{level}]: rows must have equal widths and begin at the upper left"
        if each.tile_width != each.tile_height:
            yield f"tileMatrices[{level}]: tiles must be squares"
    for level, (above, each) in enumerate(pairwise(levels[: max_level + 1]), 1):
        if not _is_halved(above, each):
            yield f"tileMatrices[{level}]: four of its tiles must form one tile of the level above"


def _crs_name(crs: str | dict[str, Any]) -> str:
    return crs if isinstance(crs, str) else str(crs.get("uri", ""))


def _is_halved(above: _Matrix, each: _Matrix) -> bool:
    """Whether each tile of a level is four of the next."""
    side, other = above.cell_size * above.tile_width, each.cell_size * each.tile_width
    return (
        abs(side - 2 * other) <= _CLOSE * side
        and all(
            abs(a - b) <= _CLOSE * side
            for a, b in zip(above.point_of_origin, each.point_of_origin, strict=True)
        )
        and each.matrix_width == 2 * above.matrix_width
        and each.matrix_height == 2 * above.matrix_height
    )
