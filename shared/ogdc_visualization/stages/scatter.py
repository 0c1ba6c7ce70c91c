"""The first stage: reads the polygons of a partition's files, and assigns them to the tiles of the map."""

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
    """Read the files below `inputs`, and write a directory below `output` for each file with polygons.

    If duplicates are removed by footprints, these are below `footprints` and have the names of the inputs.

    Raises:
        InputError: an input cannot be used.
    """
    check_crs(config)
    colors = make_colors(config.statistics)
    for name in _names(config, inputs, warn):
        # A unique name for each file, which stays the same if the file is read again.
        directory = output / hashlib.sha256(name.encode()).hexdigest()[:16]
        _scatter_file(inputs / name, name, directory, config=config, warn=warn, footprints=footprints)
    if any(output.glob("*")):  # colors alone would look like an output of this stage
        write_colors(output, colors)


def _scatter_file(
    path: Path,
    name: str,
    directory: Path,
    *,
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
    """Return the sorted names of the files below `inputs` that the configuration selects.

    It is not an error if there are none, because another task may have some.
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
