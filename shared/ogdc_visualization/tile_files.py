"""Where the files of tiles are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Tile


def tile_path(
    root: Path, config: VisualizationConfig, directory: str, tile: Tile, extension: str, *, style: str = ""
) -> Path:
    """Return the path of a tile's file below `root`, in the order that `tile_path_structure` says."""
    parts = {
        "style": style,
        "tms": config.tms_id,
        "z": str(tile.z),
        "x": str(tile.x),
        "y": str(tile.y),
    }
    path = root / directory
    for part in config.tile_path_structure:
        path /= parts[part]
    return path.with_name(path.name + extension)


def find_file(roots: Sequence[Path], path: Path) -> Path:
    """Return where a file of the result is: below the first of these directories that has it.

    Raises:
        FileNotFoundError: none has it.
    """
    for root in roots:
        if (found := root / path).is_file():
            return found
    raise FileNotFoundError(f"{path}: no task has left it")
