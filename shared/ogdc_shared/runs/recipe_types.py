"""What each type of recipe (`workflow.type` of meta.yml) compiles to: the stages of its runs, as plans.

A type that is known and not offered is refused here, and nowhere else is asked what type a recipe has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import UnsupportedError
from ogdc_shared.inputs.resolve import volume_inputs
from ogdc_shared.plan import Plan
from ogdc_shared.recipe.models import RecipeMeta, ShellWorkflow, Workflow

if TYPE_CHECKING:
    from ogdc_shared.plan import Partitioning
    from ogdc_shared.recipe.recipe import Recipe


class RunFacts(NamedTuple):
    """What is known of a run beside its recipe."""

    partitioning: Partitioning
    """Of the recipe's inputs."""
    digest: str
    """Of the recipe's own files (see `digests.files_digest`)."""
    variables: tuple[tuple[str, str], ...] = ()
    """Names and values that commands are given."""
    cache: bool = True
    """Whether inputs that were fetched before may be used."""


def check_type(meta: RecipeMeta) -> None:
    """Make sure that recipes of this type run here.

    Raises:
        UnsupportedError: they do not (yet).
    """
    if type(meta.workflow) not in _PLANS:
        raise UnsupportedError(
            f"meta.yml: workflow.type: {meta.workflow.type} is not offered yet; use `type: shell`."
        )


def plans(recipe: Recipe, run: RunFacts) -> tuple[Plan, ...]:
    """Say what the stages of a run do, in order; the first takes the recipe's inputs.

    Raises:
        UnsupportedError: as `check_type`.
    """
    check_type(recipe.meta)
    return _PLANS[type(recipe.meta.workflow)](recipe, run)


def _shell(recipe: Recipe, run: RunFacts) -> tuple[Plan, ...]:
    """One stage that runs the recipe's lines, in parallel ones for each item."""
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
        ),
    )


_PLANS: dict[type[Workflow], Callable[[Recipe, RunFacts], tuple[Plan, ...]]] = {ShellWorkflow: _shell}
"""The types that run."""
