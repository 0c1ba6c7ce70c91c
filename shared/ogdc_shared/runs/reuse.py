"""Reuse: which results of earlier runs a run may reuse.

Results may be read only by the owner of their run, so reuse is limited to the same user. It is also limited
to the same recipe, so that published files are only linked to results of that recipe.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from ogdc_shared.config import Settings
from ogdc_shared.db.submissions import EarlierRun
from ogdc_shared.digests import digest
from ogdc_shared.plan import Plan, Reuse
from ogdc_shared.recipe.quantities import amount
from ogdc_shared.recipe.reuse import reusable

if TYPE_CHECKING:
    from ogdc_shared.recipe.recipe import Recipe

_FORMAT = 1
"""Version of everything that determines a result other than commands, programs and inputs."""
_SHARE_OF_ONE = 4
"""A single partition may keep at most this fraction (1/4) of the total limit."""


class Reusing(NamedTuple):
    """The owner of a run, and the earlier runs it may reuse."""

    owner: UUID | None = None
    """None for a workflow that is compiled but not submitted."""
    earlier: Callable[[str], Iterable[EarlierRun]] = lambda _label: ()
    """Returns the owner's newest runs with a label."""
    fresh: bool = False
    """Whether to reuse nothing; the new results replace the kept ones."""


class Found(NamedTuple):
    """What a run may reuse, and for whom its results are kept."""

    reuse: Reuse
    scope: str
    label: str
    takes: bool = False
    """Whether there are earlier runs."""
    unended: tuple[str, ...] = ()
    """The earlier runs that did not succeed, so that `publish` has not moved their results to the store."""

    def facts(self) -> dict[str, Any]:
        """Return it as fields of `RecipeFacts`."""
        return {
            "reuse": self.scope,
            "reuse_label": self.label,
            "takes": self.takes,
            "unended": self.unended,
        }


def plan_reuse(
    recipe: Recipe, plan: Plan, files: Iterable[tuple[str, str]], *, settings: Settings, run: Reusing
) -> Found | None:
    """Return what may be reused of a run's results; None if nothing.

    Args:
        recipe: The recipe.
        plan: The plan of its first stage.
        files: Paths and digests of the recipe's own files.
        settings: The deployment's settings.
        run: The owner and the earlier runs.
    """
    workflow = recipe.meta.workflow
    size = settings.worker.reuse_size
    if size == "0":
        return None
    found = reusable(recipe, files)
    if not found.commands:
        return None
    base = digest(json.dumps([_FORMAT, found.files, *_made_by(plan), sorted(workflow.secrets)]).encode())
    label = digest(f"{base} {plan.commands[0].text}".encode())[:32]
    earlier = [] if run.fresh else [*run.earlier(label)]
    return Found(
        Reuse(
            base=base,
            commands=found.commands,
            most=amount(size) // _SHARE_OF_ONE,
            checked=workflow.reuse_check or 0.0,
        ),
        digest(f"{run.owner} {recipe.id}".encode())[:32],
        label,
        takes=bool(earlier),
        unended=tuple(each.name for each in earlier if not each.succeeded),
    )


def _made_by(plan: Plan) -> list[object]:
    """Return the fields of a plan other than commands that may change the result for the same inputs."""
    return [
        plan.shell,
        plan.strict,
        plan.per_file,
        plan.items,
        sorted(plan.variables),
        plan.checks,
        plan.warnings_fail,
        plan.allowed_failures is not None,  # only then do tasks record failed items
        [volume._asdict() for volume in plan.volumes],
        plan.own,
    ]
