"""Compiling visualization recipes: stages of the program `ogdc-visualization`.

`process` reads the polygons of its files and assigns them to tiles. `build` makes a share of the map's
blocks. `paint` makes the images with colours that depend on all tiles of a level, if there are any. `top`
makes the tiles above the blocks, concurrently with `paint` unless it needs all images. The amount of work
depends on the data, so tasks before these stages determine the number of shares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_shared.errors import UnsupportedError
from ogdc_shared.inputs.resolve import volume_inputs
from ogdc_shared.layout import PROCESS, STAGES
from ogdc_shared.plan import Command, Partitioning, Plan
from ogdc_shared.recipe.models import VisualizationWorkflow
from ogdc_shared.runs.stage_facts import Needs, RunFacts
from ogdc_shared.visualization.config import VisualizationConfig
from ogdc_shared.visualization.reading import read_config

if TYPE_CHECKING:
    from ogdc_shared.config import Settings
    from ogdc_shared.recipe.recipe import Recipe
    from ogdc_shared.visualization_settings import StageResources

PROGRAM = "ogdc-visualization"
EXTRA = "visualization"
"""The extra that installs the program's dependencies."""
_, BUILD, PAINT, TOP = STAGES
_VERBS = {PROCESS: "scatter", BUILD: BUILD, PAINT: PAINT, TOP: TOP}
"""The program's subcommand for each stage, in order."""
CONFIG_FILE = "CONFIG_FILE"
"""Environment variable with the configuration's path below RECIPE_DIR; unset if there is none."""
_TASKS_PER_PLACE = 4
"""Tasks per concurrent task. More would not pay: loading the program takes as long as processing many
files."""
_SHARES_PER_PLACE = 2
"""The same for `build`, and for `paint` and `top` together; their tasks all take about the same time."""
_MIN_BYTES = 1 << 12
"""Minimum size of polygons per task of `build`; less is processed while another task would start."""


def visualization_plans(recipe: Recipe, run: RunFacts) -> tuple[Plan, ...]:
    """Return the plans of the stages, in order."""
    workflow = recipe.meta.workflow
    assert isinstance(workflow, VisualizationWorkflow)
    config = workflow.config_file
    every = Plan(
        recipe_id=recipe.id,
        commands=(),
        recipe=run.digest,
        variables=(*run.variables, *(((CONFIG_FILE, config),) if config else ())),
        warnings_fail=workflow.warnings == "fail",
        cache=run.cache,
        own=True,
        hashes_all=recipe.meta.metadata is not None,
    )
    files, shares, blocks = _divisions(run)
    of_blocks = every._replace(before=BUILD, by_key=True)
    made = {
        PROCESS: every._replace(volumes=volume_inputs(recipe), partitioning=files),
        BUILD: every._replace(before=PROCESS, shares=True, partitioning=shares),
        PAINT: of_blocks._replace(reads=(BUILD,), partitioning=blocks),
        TOP: of_blocks._replace(reads=(BUILD, PAINT), partitioning=Partitioning()),
    }
    read = _read_config(recipe, config)
    if not read.waits:
        del made[PAINT]
    if not (read.waits and read.enable_pmtiles):  # archives alone are made of the pictures
        made[TOP] = made[TOP]._replace(reads=(BUILD,))
    return tuple(_stage(name, plan) for name, plan in made.items())


def visualization_commands(recipe: Recipe) -> list[str]:
    """Return the commands of the stages, in order."""
    plans = visualization_plans(recipe, RunFacts(Partitioning(), digest=""))
    return [command.text for plan in plans for command in plan.commands]


def visualization_needs(stage: str, settings: Settings) -> Needs:
    """Return what the tasks of a stage need."""
    own = settings.visualization
    image = own.image or visualization_image()
    resources: StageResources = getattr(own.resources, _VERBS[stage])
    return Needs(image, *resources, has_results=stage in {BUILD, PAINT})


def check_visualization(settings: Settings) -> None:
    """Check that the program can run.

    Raises:
        UnsupportedError: tasks use the packages installed beside the services, and some are missing.
    """
    if not settings.visualization.without_image:
        return
    from ogdc_shared.extras import advice, missing_packages

    if missing := missing_packages(EXTRA):
        raise UnsupportedError(
            "meta.yml: workflow.type: visualization needs Python packages that are not installed "
            f"({', '.join(missing)}). Install them: {advice(EXTRA)}"
        )


def visualization_image() -> str:
    """Return the image of this version, as pushed by a release."""
    from ogdc_shared.images import own_image

    return own_image("ogdc-worker-visualization")


def _read_config(recipe: Recipe, name: str | None) -> VisualizationConfig:
    if name is None:
        return VisualizationConfig()
    return read_config((recipe.directory / name).read_bytes(), name=name, recipe=recipe.directory)


def _stage(name: str, plan: Plan) -> Plan:
    return plan._replace(stage=name, commands=(Command(f"{PROGRAM} {_VERBS[name]}", line=1),))


def _divisions(run: RunFacts) -> tuple[Partitioning, Partitioning, Partitioning]:
    """Return how to divide files, shares of block making, and blocks; if not parallel, no division."""
    files = run.partitioning
    if not files.divides:
        return files, files, files
    files = files._replace(tasks=min(files.tasks, _TASKS_PER_PLACE * run.at_once))
    few = min(files.tasks, _SHARES_PER_PLACE * run.at_once)
    shares = files._replace(tasks=few, strategy="files", size=1, bytes=_MIN_BYTES)
    # One task less for `paint`, because `top` runs concurrently.
    return files, shares, files._replace(tasks=max(1, few - 1), strategy="size", size=None, bytes=None)
