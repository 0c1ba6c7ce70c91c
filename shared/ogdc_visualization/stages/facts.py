"""What later stages have to know of what `build` has made: each block's tiles, each task's ranges."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from ogdc_visualization.tiles3d.tileset import Extent

FACTS = "facts.json"
"""Of a block, in its directory."""
RANGES = "ranges.json"
"""File with the value ranges of all blocks of a task, beside the directories of the blocks."""

Extremes = dict[tuple[str, int], tuple[float, float]]
"""The smallest and the largest value, by statistic and level."""


class BlockFacts(msgspec.Struct, frozen=True):
    """A block: its column, row and level; the columns and rows of its tiles, by level; rows of the tables.

    `leaves` are column, row and extent of its 3D tiles.
    """

    block: tuple[int, int, int]
    tiles: dict[int, list[tuple[int, int]]]
    staging: list[dict[str, Any]]
    rasters: list[dict[str, Any]]
    events: list[dict[str, Any]]
    leaves: list[tuple[int, int, Extent]] = []


class _LevelRange(msgspec.Struct, frozen=True):
    """The smallest and the largest value of a statistic in tiles of a level."""

    statistic: str
    level: int
    smallest: float
    largest: float


def write_facts(path: Path, facts: BlockFacts) -> None:
    """Write a block's facts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(facts))


def read_facts(path: Path) -> BlockFacts:
    """Read a block's facts."""
    return msgspec.json.decode(path.read_bytes(), type=BlockFacts)


def write_ranges(path: Path, extremes: Extremes) -> None:
    """Write the extremes of some blocks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = [_LevelRange(name, level, *values) for (name, level), values in sorted(extremes.items())]
    path.write_bytes(msgspec.json.encode(found))


def read_ranges(paths: Iterable[Path]) -> Extremes:
    """Read extremes, and return those of all together."""
    return merge_extremes(
        {(each.statistic, each.level): (each.smallest, each.largest) for each in _decoded(path)}
        for path in paths
    )


def merge_extremes(several: Iterable[Extremes]) -> Extremes:
    """Return the extremes of each statistic at each level, over all that have some."""
    found: Extremes = {}
    for key, (low, high) in (item for each in several for item in each.items()):
        smallest, largest = found.get(key, (low, high))
        found[key] = (min(low, smallest), max(high, largest))
    return found


def _decoded(path: Path) -> list[_LevelRange]:
    return msgspec.json.decode(path.read_bytes(), type=list[_LevelRange])
