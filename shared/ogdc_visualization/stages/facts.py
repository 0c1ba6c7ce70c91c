"""What `top` has to know of a block: rows of tables, extremes of bands, where its 3D tiles are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ogdc_visualization.tiles3d.regions import Region


class LevelRange(msgspec.Struct, frozen=True):
    """The smallest and the largest value of a statistic in tiles of a level."""

    statistic: str
    level: int
    smallest: float
    largest: float


class BlockFacts(msgspec.Struct, frozen=True):
    """A block: its column, row and level; the columns and rows of its tiles, by level."""

    block: tuple[int, int, int]
    tiles: dict[int, list[tuple[int, int]]]
    ranges: list[LevelRange]
    staging: list[dict[str, Any]]
    rasters: list[dict[str, Any]]
    region: Region | None = None


def write_facts(path: Path, facts: BlockFacts) -> None:
    """Write a block's facts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(facts))


def read_facts(path: Path) -> BlockFacts:
    """Read a block's facts."""
    return msgspec.json.decode(path.read_bytes(), type=BlockFacts)


def merged_ranges(facts: list[BlockFacts]) -> dict[tuple[str, int], tuple[float, float]]:
    """Return the extremes of each statistic at each level, over all blocks."""
    found: dict[tuple[str, int], tuple[float, float]] = {}
    for each in (found for block in facts for found in block.ranges):
        low, high = found.get((each.statistic, each.level), (each.smallest, each.largest))
        found[each.statistic, each.level] = (min(low, each.smallest), max(high, each.largest))
    return found
