"""Reading runs from the record, which is first reconciled with Argo if it is stale."""

from __future__ import annotations

import logging
from typing import Any, Unpack

from ogdc_shared.argo.state import TaskState
from ogdc_shared.context import Context
from ogdc_shared.db import runs as db
from ogdc_shared.db.runs import Run, RunPage, RunQuery
from ogdc_shared.db.tasks import StageCounts, count_stages, list_tasks
from ogdc_shared.errors import DatabaseUnavailableError, OgdcError, OutputUnavailableError, UnknownRunError
from ogdc_shared.phases import TERMINAL_PHASES
from ogdc_shared.run_warnings import RunWarning
from ogdc_shared.runs.handover import reconcile
from ogdc_shared.runs.turns import with_turns
from ogdc_shared.workflow.names import is_workflow_name

_log = logging.getLogger(__name__)


def reconciled_run(context: Context, name: str) -> Run:
    """Read a run; reconcile it with Argo first if it may be stale.

    That is the case if it is unfinished and silent for `Settings.stale_seconds`, or if an event referred to a
    change that it did not contain. If Argo does not respond, the record is returned unchanged.

    Raises:
        UnknownRunError: there is no run with that name.
        DatabaseUnavailableError: PostgreSQL does not respond.
    """
    run = recorded_run(context, name)
    if not _is_stale(context, run) or not _claim(context, name):
        return run
    try:
        reconcile(context, name)
    except DatabaseUnavailableError:
        raise
    except (OgdcError, ValueError) as exc:
        _log.warning("run %s could not be asked about at Argo: %s", name, exc)
        return run
    return recorded_run(context, name)


def require_tasks(run: Run) -> None:
    """Check that the records of a run's tasks have not been removed; their counts are always kept.

    Raises:
        OutputUnavailableError: they were removed.
    """
    if run.tasks_removed_at is not None:
        raise OutputUnavailableError(
            f"The details of the tasks of run {run.name} were removed at "
            f"{run.tasks_removed_at:%Y-%m-%d %H:%M} UTC, after the time that this deployment keeps them "
            "(OGDC_TASK_DAYS).",
            expired=True,
        )


def get_tasks(
    context: Context, run: Run, *, limit: int, offset: int
) -> tuple[list[TaskState], list[StageCounts]]:
    """Read some of a run's tasks, ordered by partition, and the progress of its stages."""
    with context.database.autocommit() as conn:
        return list_tasks(conn, run.id, limit=limit, offset=offset), count_stages(conn, run.id)


def get_warnings(context: Context, run: Run) -> tuple[RunWarning, ...]:
    """Read a run's first warnings; `warning_count` counts all of them."""
    if not run.warning_count:
        return ()
    with context.database.autocommit() as conn:
        return db.get_warnings(conn, run.id).first


def get_parameters(context: Context, run: Run) -> dict[str, Any]:
    """Read the values of a run's recipe parameters, by name."""
    with context.database.autocommit() as conn:
        return db.get_parameters(conn, run.id)


def list_runs(context: Context, **query: Unpack[RunQuery]) -> RunPage:
    """Read a page of runs as recorded, newest first; the message of a queued run says what it waits for.

    Raises:
        InvalidRequestError: `before` is not a valid cursor, or several users have that name.
    """
    with context.database.transaction() as conn:
        page = db.list_runs(conn, **query)
    return page._replace(runs=with_turns(context, page.runs))


def recorded_run(context: Context, name: str) -> Run:
    """Read a run as recorded.

    Raises:
        UnknownRunError: there is no run with that name.
    """
    if not is_workflow_name(name):
        raise UnknownRunError(name)
    with context.database.autocommit() as conn:
        return db.get_run(conn, name)


def _is_stale(context: Context, run: Run) -> bool:
    """Whether to ask Argo about a run; runs that were not handed over are left to the sweep."""
    if run.handed_over_at is None:
        return False
    silent = run.status not in TERMINAL_PHASES and run.silent_seconds > context.settings.stale_seconds
    return silent or run.refresh_requested_at is not None


def _claim(context: Context, name: str) -> bool:
    with context.database.autocommit() as conn:
        return db.claim_refresh(conn, name, silent_for=context.settings.stale_seconds)
