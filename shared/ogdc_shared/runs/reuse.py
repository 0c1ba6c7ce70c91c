"""The scope of reuse: which results later runs may reuse.

Results may be read only by the owner of their run, so reuse is limited to the same user. It is also limited
to the same recipe: published files are then linked to results of that recipe only.
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
"""Of what makes a result, apart from commands, programs and inputs."""
_SHARE_OF_ONE = 4
"""The part of all that may be kept that one partition may have."""


class Reusing(NamedTuple):
    """Whose run it is, and what it may take."""

    owner: UUID | None = None
    """None: nobody's, as of a workflow that is but looked at."""
    earlier: Callable[[str], Iterable[EarlierRun]] = lambda _label: ()
    """Gives the newest runs of the owner with this label."""
    fresh: bool = False
    """Whether everything is run anew; what it leaves is kept in the place of what was known."""


class Found(NamedTuple):
    """What a plan may reuse."""

    reuse: Reuse
    scope: str
    label: str
    takes: bool = False
    """Whether there are earlier runs."""
    unended: tuple[str, ...] = ()
    """Those of them that came to no good end, so that nobody has taken in what they have kept."""

    def facts(self) -> dict[str, Any]:
        """What the workflow has to know of it, as fields of `RecipeFacts`."""
        return {
            "reuse": self.scope,
            "reuse_label": self.label,
            "takes": self.takes,
            "unended": self.unended,
        }


def plan_reuse(
    recipe: Recipe, plan: Plan, files: Iterable[tuple[str, str]], *, settings: Settings, run: Reusing
) -> Found | None:
    """Say what of a run's results may be reused; None: nothing.

    Args:
        recipe: The recipe.
        plan: Of its first stage.
        files: The recipe's own files, as path and digest.
        settings: The deployment's.
        run: Whose it is.
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
    """What of a plan, beside its commands, may make another result of the same inputs."""
    return [
        plan.shell,
        plan.strict,
        plan.per_file,
        plan.items,
        sorted(plan.variables),
        plan.checks,
        plan.warnings_fail,
        plan.allowed_failures is not None,  # tasks keep account of what failed only then
        [volume._asdict() for volume in plan.volumes],
        plan.own,
    ]
