"""Handing out what a run produced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.errors import OutputUnavailableError
from ogdc_shared.layout import output_key
from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.phases import TERMINAL_PHASES, Phase
from ogdc_shared.runs.read import reconciled_run


def output_link(context: Context, name: str) -> str:
    """Return a URL that hands out a run's zip for `StorageSettings.link_seconds`.

    Raises:
        UnknownRunError: there is no run of that name.
        OutputUnavailableError: it has not succeeded, publishes elsewhere, or its output's time is over.
        StorageUnavailableError: the artifact store does not answer.
    """
    run = reconciled_run(context, name)
    _check_has_output(run)
    key = output_key(name, run.recipe_id)
    if _is_over(run, days=context.settings.temporary_output_days) or context.store.size(key) is None:
        raise OutputUnavailableError(
            f"The output of run {name} is no longer kept: temporary outputs stay for "
            f"{context.settings.temporary_output_days} days. Submit the recipe again.",
            expired=True,
        )
    return context.store.link(key, seconds=context.settings.storage.link_seconds)


def _check_has_output(run: Run) -> None:
    if not policy_of(run.output_type).is_zip:
        raise OutputUnavailableError(
            f"Run {run.name} publishes to {run.recipe_id}/ on the workflow volume; only recipes with "
            "`output.type: temporary` leave a zip to download.",
            elsewhere=True,
        )
    if run.status not in TERMINAL_PHASES:
        raise OutputUnavailableError(
            f"Run {run.name} has not ended ({run.status}); ask again when it has succeeded."
        )
    if run.status != Phase.SUCCEEDED:
        reason = f": {run.message}" if run.message else ""
        raise OutputUnavailableError(f"Run {run.name} has no output, since it ended as {run.status}{reason}")


def _is_over(run: Run, *, days: int) -> bool:
    return run.finished_at is not None and run.finished_at + timedelta(days=days) < datetime.now(UTC)
