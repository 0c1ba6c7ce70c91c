"""Download links to the output of a run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.errors import OutputUnavailableError
from ogdc_shared.layout import output_key
from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.phases import FAILED_PHASES, TERMINAL_PHASES, Phase
from ogdc_shared.runs.read import reconciled_run
from ogdc_shared.storage.store import Artifact


def output_link(context: Context, name: str) -> str:
    """Return a download URL for a run's zip, valid for `StorageSettings.link_seconds`.

    Raises:
        UnknownRunError: there is no run with that name.
        OutputUnavailableError: it has not succeeded, publishes elsewhere, or its output has expired.
        StorageUnavailableError: the artifact store does not respond.
    """
    run = reconciled_run(context, name)
    zip_of(context, run)
    return context.store.link(output_key(name, run.recipe_id), seconds=context.settings.storage.link_seconds)


def zip_of(context: Context, run: Run) -> Artifact:
    """Return the artifact of a run's zip.

    Raises:
        OutputUnavailableError: as for `output_link`.
        StorageUnavailableError: the artifact store does not respond.
    """
    is_zip = policy_of(run.output_type).is_zip
    if is_zip or run.status in FAILED_PHASES:
        check_succeeded(run)
    if not is_zip:
        raise OutputUnavailableError(
            f"Run {run.name} publishes to {run.recipe_id}/ on the workflow volume and has no zip. List its "
            "files with `ogdc-runner outputs`, and download one with `ogdc-runner get-output NAME PATH`.",
            elsewhere=True,
        )
    days = context.settings.temporary_output_days
    found = None if _is_over(run, days=days) else context.store.describe(output_key(run.name, run.recipe_id))
    if found is None:
        raise no_longer_kept(
            f"The output of run {run.name} is no longer kept: temporary outputs stay for {days} days."
        )
    return found


def check_succeeded(run: Run) -> None:
    """Check that a run has succeeded.

    Raises:
        OutputUnavailableError: it has not.
    """
    if run.status not in TERMINAL_PHASES:
        raise OutputUnavailableError(
            f"Run {run.name} has not ended ({run.status}); ask again when it has succeeded."
        )
    if run.status != Phase.SUCCEEDED:
        ended = "was cancelled" if run.cancelled_at else "failed"
        reason = f" The reason: {run.message}" if run.message else ""
        raise OutputUnavailableError(
            f"Run {run.name} {ended}, so it has no result. Submit the recipe again after correcting it, or "
            f"continue the run with `ogdc-runner retry {run.name}` if the recipe is right.{reason}"
        )


def no_longer_kept(reason: str) -> OutputUnavailableError:
    """Return the error for a result that has been removed."""
    return OutputUnavailableError(f"{reason} Submit the recipe again.", expired=True)


def _is_over(run: Run, *, days: int) -> bool:
    return run.finished_at is not None and run.finished_at + timedelta(days=days) < datetime.now(UTC)
