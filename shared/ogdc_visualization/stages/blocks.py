"""Blocks of a map: the tiles of one level, each with all that is below it, which a task makes as a whole."""

from __future__ import annotations

import re
from pathlib import Path

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Tile
from ogdc_visualization.stages.facts import FACTS

_LEVELS = 4
"""How many levels a block has below its own: 256 tiles of the highest level."""
_MAX_LEVEL = 9
"""Blocks are of no higher level, so that their number is bounded: at most 1024 by 512 on WGS1984Quad."""
_NAME = re.compile(r"(\d+)-(\d+)-(\d+)")


def block_level(config: VisualizationConfig) -> int:
    """Return the level of the blocks' own tiles."""
    return max(config.min_level, min(config.max_level - _LEVELS, _MAX_LEVEL))


def block_name(block: Tile) -> str:
    """Return the name of a block's directory."""
    return f"{block.z}-{block.x}-{block.y}"


def find_facts(inputs: Path) -> list[Path]:
    """Return the facts of the blocks whose directories a task has, each below the number of who left it."""
    return [path for path in sorted(inputs.glob(f"*/*/{FACTS}")) if _NAME.fullmatch(path.parts[-3])]


def read_block_name(name: str) -> Tile:
    """Return the block that a directory is for."""
    match = _NAME.fullmatch(name)
    assert match, name
    z, x, y = map(int, match.groups())
    return Tile(x, y, z)
