"""Where the files of tiles are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.grid import Tile


def tile_path(
    root: Path, config: VisualizationConfig, directory: str, tile: Tile, extension: str, *, style: str = ""
) -> Path:
    """Return the path of a tile's file below `root`, in the order that `tile_path_structure` says."""
    x, y, z = map(str, tile)
    return root / _path(config, directory, extension, style=style, x=x, y=y, z=z)


def tile_template(config: VisualizationConfig, directory: str, extension: str, *, style: str) -> str:
    """Return the path of tiles from the output's root as a URL has it, with `{z}`, `{x}` and `{y}`."""
    path = _path(config, quote(directory), extension, style=quote(style), x="{x}", y="{y}", z="{z}")
    return path.as_posix()


def _path(
    config: VisualizationConfig, directory: str, extension: str, *, style: str, x: str, y: str, z: str
) -> PurePosixPath:
    parts = {"style": style, "tms": config.tms_id, "z": z, "x": x, "y": y}
    path = PurePosixPath(directory, *(parts[part] for part in config.tile_path_structure))
    return path.with_name(path.name + extension)


def find_raster(roots: Sequence[Path], config: VisualizationConfig, tile: Tile) -> Path:
    """Return where the raster of a tile is, as `find_file`."""
    return find_file(roots, tile_path(Path(), config, config.dir_geotiff, tile, ".tif"))


def find_file(roots: Sequence[Path], path: Path) -> Path:
    """Return the path of a file of the result, in the first of these directories that has it.

    Raises:
        FileNotFoundError: none has it.
    """
    for root in roots:
        if (found := root / path).is_file():
            return found
    raise FileNotFoundError(f"{path}: no task has written it")
