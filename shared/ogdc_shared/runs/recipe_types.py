"""The recipe types (`workflow.type` of meta.yml): the stages that each compiles to.

`recipe.type_policies` has how each is read. Elsewhere the type does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.inputs.resolve import volume_inputs
from ogdc_shared.plan import Plan
from ogdc_shared.recipe.models import RecipeMeta, ShellWorkflow, VisualizationWorkflow, Workflow
from ogdc_shared.runs.stage_facts import Needs, RunFacts
from ogdc_shared.runs.visualization import check_visualization, visualization_needs, visualization_plans

if TYPE_CHECKING:
    from ogdc_shared.config import Settings
    from ogdc_shared.recipe.recipe import Recipe


class _Type(NamedTuple):
    """A type of recipe."""

    plans: Callable[[Recipe, RunFacts], tuple[Plan, ...]]
    needs: Callable[[str, Settings], Needs]
    """Takes the name of a stage."""
    check: Callable[[Settings], None]


def check_type(meta: RecipeMeta, settings: Settings) -> None:
    """Check that this deployment can run recipes of this type.

    Raises:
        UnsupportedError: it cannot.
    """
    _TYPES[type(meta.workflow)].check(settings)


def plans(recipe: Recipe, run: RunFacts) -> tuple[Plan, ...]:
    """Return the plans of a run's stages, in order; the first one reads the recipe's inputs."""
    return _TYPES[type(recipe.meta.workflow)].plans(recipe, run)


def needs(meta: RecipeMeta, stage: str, settings: Settings) -> Needs:
    """Return what the tasks of a stage need besides their plan; the recipe's values take precedence."""
    asked, usual = meta.workflow.resources, _TYPES[type(meta.workflow)].needs(stage, settings)
    return usual._replace(cpu=asked.cpu or usual.cpu, memory=asked.memory or usual.memory)


def _shell(recipe: Recipe, run: RunFacts) -> tuple[Plan, ...]:
    """Return the plan of the only stage, which runs the recipe's commands, for each item if parallel."""
    workflow = recipe.meta.workflow
    return (
        Plan(
            recipe_id=recipe.id,
            commands=recipe.commands,
            per_file=workflow.parallel.enabled,
            volumes=volume_inputs(recipe),
            partitioning=run.partitioning,
            variables=run.variables,
            cache=run.cache,
            checks=workflow.checks,
            warnings_fail=workflow.warnings == "fail",
            recipe=run.digest,
            shell=recipe.shell.words,
            strict=recipe.shell.strict,
            items=workflow.parallel.items,
            allowed_failures=workflow.parallel.allowed_failures,
            hashes_all=recipe.meta.metadata is not None,
        ),
    )


_TYPES: dict[type[Workflow], _Type] = {
    ShellWorkflow: _Type(_shell, lambda _stage, _settings: Needs(), lambda _settings: None),
    VisualizationWorkflow: _Type(visualization_plans, visualization_needs, check_visualization),
}
