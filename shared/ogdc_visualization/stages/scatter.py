"""The first stage: what is in the files of a partition, by the tiles of the map that it is in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ogdc_shared.several import several
from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_visualization.deduplicate.footprints import Footprint, outside, read_footprint
from ogdc_visualization.grid import load_grid
from ogdc_visualization.stages.colors import make_colors, write_colors
from ogdc_visualization.stages.feature_files import FeatureFile
from ogdc_visualization.staging.features import check_crs, read_features
from ogdc_visualization.staging.findings import Warn
from ogdc_visualization.staging.staged_tiles import read_staged_tiles


def scatter(
    config: VisualizationConfig, inputs: Path, output: Path, warn: Warn, footprints: Path | None = None
) -> None:
    """Read the files below `inputs` and write below `output` a directory for each that has polygons.

    Footprints, where they decide, are below `footprints`, called as the inputs.

    Raises:
        InputError: an input cannot be used.
    """
    check_crs(config)
    colors = make_colors(config.statistics)
    for name in _names(config, inputs, warn):
        # A name that is new for each file, and the same whenever it is read.
        directory = output / hashlib.sha256(name.encode()).hexdigest()[:16]
        _scatter_file(inputs / name, name, directory, config, warn, footprints)
    if any(output.glob("*")):  # alone they would pass for something to go on with
        write_colors(output, colors)


def _scatter_file(  # noqa: PLR0917  one place calls it
    path: Path,
    name: str,
    directory: Path,
    config: VisualizationConfig,
    warn: Warn,
    footprints: Path | None,
) -> None:
    grid = load_grid(config.tms_id)
    written = FeatureFile(directory, grid, config.max_level)
    if not config.enable_stager:
        for features, placed in read_staged_tiles(path, name, config, grid, warn):
            written.add(features, np.zeros(len(features.rows), bool), placed)
        written.close(name, None)
        return
    footprint = _footprint(name, config, footprints, warn)
    for features in read_features(path, name, config, grid, warn):
        written.add(features, outside(features.geometries, footprint, config))
    written.close(name, footprint)


def _names(config: VisualizationConfig, inputs: Path, warn: Warn) -> list[str]:
    """Return the names of the files that the configuration selects below `inputs`, in order.

    If there are none, it is no error: another task may have some.
    """
    extension = getattr(config, config.input_key)
    names = sorted(
        path.relative_to(inputs).as_posix()
        for path in inputs.rglob("*")
        if path.name.lower().endswith(extension.lower()) and not path.name.startswith(".")
    )
    if not names:
        others = sorted(path.relative_to(inputs).as_posix() for path in inputs.rglob("*") if path.is_file())
        key = config.input_key
        warn(f"{several(others)}: no name ends in {extension!r}, as {key} of the configuration says")
    return names


def _footprint(
    name: str, config: VisualizationConfig, directory: Path | None, warn: Warn
) -> Footprint | None:
    if directory is None or not config.deduplicate_at or config.deduplicate_method != "footprints":
        return None
    footprint = read_footprint(directory, name, config, load_grid(config.tms_id).crs)
    if footprint is None:
        warn(f"{name} has no footprint in {config.dir_footprints}, so none of its polygons is a duplicate")
    return footprint
