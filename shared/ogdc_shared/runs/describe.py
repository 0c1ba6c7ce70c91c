"""The description of a run for its crate, written at submission."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_shared.auth.caller import OPEN
from ogdc_shared.images import own_version
from ogdc_shared.provenance.description import Person, RunDescription, StageCommand, StageDescription
from ogdc_shared.provenance.withholding import withheld

if TYPE_CHECKING:
    from ogdc_shared.auth.caller import Caller
    from ogdc_shared.db.runs import Run
    from ogdc_shared.runs.compile import CompiledRun


def describe(run: Run, compiled: CompiledRun, *, caller: Caller) -> RunDescription:
    """Return the description of a run before its handover."""
    return RunDescription(
        run_id=str(run.id),
        name=run.name,
        recipe_id=run.recipe_id,
        recipe_name=run.recipe_name,
        recipe_path=run.recipe_path,
        snapshot=run.snapshot,
        content=compiled.plans[0].recipe,
        output_type=run.output_type,
        agent=Person(caller.name, caller.issuer, caller.subject),
        version=own_version(),
        recipe_is_public=caller.issuer == OPEN,  # otherwise only the owner and admins may read it
        license=compiled.license,
        begin=compiled.period[0] if compiled.period else None,
        end=compiled.period[1] if compiled.period else None,
        parameters=compiled.parameters,
        after={plan.stage: plan.after for plan in compiled.plans if plan.after},
        submitted_at=run.submitted_at.isoformat(),
        stages=tuple(
            StageDescription(
                plan.stage,
                tuple(
                    StageCommand(number, command.line, withheld(command.text))
                    for number, command in enumerate(plan.commands, 1)
                ),
                has_results=plan.stage in compiled.result_stages,
            )
            for plan in compiled.plans
        ),
    )
