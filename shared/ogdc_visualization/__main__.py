"""`ogdc-visualization scatter|build|paint|top`: one stage of a map, as a task runs it."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path

from ogdc_shared.errors import OgdcError
from ogdc_shared.visualization.config import TILE_MATRIX_SETS, VisualizationConfig
from ogdc_shared.visualization.reading import read_config


def main(arguments: list[str]) -> int:
    """Run a stage; its parameters come from environment variables (decision 26)."""
    if arguments not in (["scatter"], ["build"], ["paint"], ["top"]):
        print("usage: ogdc-visualization scatter|build|paint|top", file=sys.stderr)
        return 2
    inputs, output = Path(os.environ["INPUT_DIR"]), Path(os.environ["OUTPUT_DIR"])
    try:
        config = _config()
        _find_grids(config)
        _run(arguments[0], config, inputs, output)
    except OgdcError as exc:
        print(f"ogdc-visualization: {exc}", file=sys.stderr)
        return 1
    return 0


def _run(stage: str, config: VisualizationConfig, inputs: Path, output: Path) -> None:
    # Each imports what it takes, and no more. Rasterio would import boto3, where it is installed: a quarter
    # of a second, for files that are all local. NumPy's library for matrices would start threads, of which
    # nothing here makes use.
    sys.modules.setdefault("boto3", None)  # type: ignore[arg-type]
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if stage == "scatter":
        from ogdc_visualization.stages.scatter import scatter

        footprints = (
            Path(os.environ["RECIPE_DIR"], config.dir_footprints) if "RECIPE_DIR" in os.environ else None
        )
        scatter(config, inputs, output, partial(_warn, "features"), footprints)
        return
    import rasterio

    with rasterio.Env():  # once, and not for each file
        _run_on_rasters(stage, config, inputs, output)


def _run_on_rasters(stage: str, config: VisualizationConfig, inputs: Path, output: Path) -> None:
    if stage == "build":
        from ogdc_visualization.stages.build import build

        build(config, inputs, output)
    elif stage == "paint":
        from ogdc_visualization.stages.paint import paint

        paint(config, inputs, output)
    else:
        from ogdc_visualization.stages.top import top

        top(config, inputs, output, partial(_warn, "products"))


def _config() -> VisualizationConfig:
    name = os.environ.get("CONFIG_FILE")
    if not name:
        return VisualizationConfig()
    recipe = Path(os.environ["RECIPE_DIR"])
    return read_config((recipe / name).read_bytes(), name=name, recipe=recipe)


def _find_grids(config: VisualizationConfig) -> None:
    """Set the directory of the recipe's own grids, which morecantile reads when it is imported."""
    if "RECIPE_DIR" in os.environ and config.tms_id not in TILE_MATRIX_SETS:
        place = Path(os.environ["RECIPE_DIR"], config.dir_tile_matrix_sets)
        os.environ["TILEMATRIXSET_DIRECTORY"] = str(place)


def _warn(kind: str, message: str) -> None:
    """Hand a warning to the worker (`WARNINGS_FILE`), which logs it. Without a worker, print it."""
    if path := os.environ.get("WARNINGS_FILE"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, "message": message}) + "\n")
    else:
        print(f"warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
