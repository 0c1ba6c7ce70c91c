"""Blocks of a map: tiles, each with all that is below it, which are made as a whole and held in memory.

They are as large as what lies in them allows: a dense region has small blocks, an empty one large ones. What
comes out of them does not depend on how they are divided.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ogdc_shared.inputs.partitioning import divide
from ogdc_shared.plan import Partitioning
from ogdc_visualization.grid import Tile
from ogdc_visualization.morton import decode
from ogdc_visualization.stages.facts import FACTS

if TYPE_CHECKING:
    from ogdc_visualization.stages.feature_store import Leaves

MAX_WEIGHT = 1 << 24
"""Of a block of several tiles of the highest level: bytes of polygons, and what each tile weighs besides."""
_MIN_WEIGHT = 1 << 19
"""Below this a block is not divided for the sake of tasks: what lies above its parts costs them time, too."""
_TILE = 1 << 16
"""The fixed weight of a tile: making one takes about as long as this many bytes of polygons."""
_PER_SHARE = 4
"""Blocks for each task, so that all have about the same to do."""
_NAME = re.compile(r"(\d+)-(\d+)-(\d+)")
_SHARE = re.compile(r"(\d+)-of-(\d+)")


class Block(NamedTuple):
    """A block: its own tile, and which of all tiles of the highest level are below it."""

    tile: Tile
    leaves: slice
    weight: int


class Share(NamedTuple):
    """Which part of the blocks a task makes: number `number`, from 0 on, of `among`."""

    number: int
    among: int

    @classmethod
    def read(cls, name: str) -> Share:
        """Read the name of a directory of inputs (see `Plan.shares`)."""
        match = _SHARE.fullmatch(name)
        assert match, name
        return cls(int(match[1]), int(match[2]))

    def of(self, blocks: Sequence[Block]) -> Iterator[Block]:
        """Yield the blocks of this share; each is in one, and all shares are about as heavy."""
        how = Partitioning("size", tasks=self.among)
        for number, positions in enumerate(divide([block.weight for block in blocks], how)):
            if number == self.number:
                yield from (blocks[position] for position in positions)


def block_weight(leaves: Leaves, share: Share) -> int:
    """Return how heavy blocks may be at most, where that many tasks share in them."""
    if share.among == 1:
        return MAX_WEIGHT
    total = int(_weights(leaves).sum())
    return min(MAX_WEIGHT, max(_MIN_WEIGHT, total // (share.among * _PER_SHARE)))


def divide_map(leaves: Leaves, *, lowest: int, highest: int, most: int, limit: int) -> list[Block]:
    """Divide a map into blocks, in the order of their tiles (see `morton`).

    Starting at the lowest level, tiles heavier than `most` are divided into four. Tiles just above the
    highest level are divided only if they are heavier than `limit`, too: all above the deepest block is
    painted at the end, by a single task. There are at most four blocks for each `most` and each level.
    """
    sums = np.concatenate(([0], np.cumsum(_weights(leaves))))
    roots = np.unique(leaves.codes >> 2 * (highest - lowest)).tolist()
    waiting = [(code, lowest) for code in reversed(roots)]
    blocks = []
    while waiting:
        code, level = waiting.pop()
        shift = 2 * (highest - level)
        begin, end = np.searchsorted(leaves.codes, (code << shift, (code + 1) << shift)).tolist()
        weight = int(sums[end] - sums[begin])
        if begin == end:
            continue
        if weight > most and level < (highest if weight > limit else highest - 1):
            waiting += [(4 * code + child, level + 1) for child in (3, 2, 1, 0)]
            continue
        x, y = decode(np.array([code]))
        blocks.append(Block(Tile(int(x[0]), int(y[0]), level), slice(begin, end), weight))
    return blocks


def _weights(leaves: Leaves) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return leaves.weights + _TILE


def block_name(block: Tile) -> str:
    """Return the name of a block's directory."""
    return f"{block.z}-{block.x}-{block.y}"


def deepest_level(inputs: Path) -> int:
    """Return the highest level of blocks: from there on `build` has made all tiles, above it some."""
    names = (_NAME.fullmatch(path.name) for path in inputs.glob("build/*/*"))
    return max((int(match[1]) for match in names if match), default=0)


def find_facts(inputs: Path) -> list[Path]:
    """Return the files of facts among a task's inputs, each below the number of the task that wrote it."""
    return [path for path in sorted(inputs.glob(f"*/*/{FACTS}")) if _NAME.fullmatch(path.parts[-3])]
