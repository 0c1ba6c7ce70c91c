"""Cancelling, retrying and removing runs."""

from __future__ import annotations

from ogdc_shared.accounts.limits import require_room
from ogdc_shared.argo.state import read_workflow
from ogdc_shared.auth.caller import Caller
from ogdc_shared.context import Context
from ogdc_shared.db.audit import Action, record_act
from ogdc_shared.db.queue import require_turn
from ogdc_shared.db.retention import forget_removals
from ogdc_shared.db.runs import Run, get_run, record_output_removed
from ogdc_shared.db.submissions import claim_retry, record_refusal
from ogdc_shared.db.users import caller_id
from ogdc_shared.db.workflow_state import record_state, record_stop
from ogdc_shared.errors import RunStateError
from ogdc_shared.layout import run_prefix
from ogdc_shared.phases import TERMINAL_PHASES
from ogdc_shared.runs.handover import reconcile
from ogdc_shared.runs.read import recorded_run
from ogdc_shared.runs.turns import start_next
from ogdc_shared.webhooks.record import forget_end


def cancel_run(context: Context, name: str, *, caller: Caller) -> Run:
    """Stop a run: its tasks are ended, and it becomes Failed (Error, where it had not reached Argo).

    Args:
        context: Where everything is.
        name: The run's.
        caller: Who wants it.

    Raises:
        UnknownRunError: there is no run of that name.
        ForbiddenError: it is somebody else's.
        RunStateError: it has ended already.
        ArgoUnavailableError: Argo does not answer; it is not asked about a run that waits for its turn.
    """
    run = _own_run(context, name, caller=caller)
    if run.status in TERMINAL_PHASES:
        raise RunStateError(f"Run {name} has ended ({run.status}); there is nothing to cancel.")
    if not (run.waits and _end_unsent(context, name, caller=caller, only_waiting=True)):
        if run.handed_over_at is None and context.argo.get(name) is None:
            _end_unsent(context, name, caller=caller)
        else:
            _terminate(context, name, caller=caller)
    start_next(context)
    return recorded_run(context, name)


def _end_unsent(context: Context, name: str, *, caller: Caller, only_waiting: bool = False) -> bool:
    """End a run that Argo has not; False: it has, or, with `only_waiting`, its turn has come meanwhile."""
    message = (
        "Cancelled while it waited for its turn." if only_waiting else "Cancelled before it reached Argo."
    )
    with context.database.transaction() as conn:
        user_id = caller_id(conn, caller)
        ended = record_refusal(conn, name, message=message, cancelled_by=user_id, only_waiting=only_waiting)
        if ended or not only_waiting:
            record_act(conn, Action.CANCEL, name, caller=caller)
    return ended


def _terminate(context: Context, name: str, *, caller: Caller) -> None:
    """End a workflow in Argo; the record is right afterwards, also where it had ended before."""
    with context.database.transaction() as conn:
        record_stop(conn, name, reason=f"Cancelled by {caller.name}.", by=caller_id(conn, caller))
        record_act(conn, Action.CANCEL, name, caller=caller)
    try:
        context.argo.terminate(name)
    except RunStateError:  # it has ended before, and nobody has noticed
        reconcile(context, name)
        start_next(context)
        raise
    reconcile(context, name)


def retry_run(context: Context, name: str, *, caller: Caller) -> Run:
    """Run the failed tasks of a run again.

    Argo is asked inside the transaction that keeps the run's place; after a crash in between, the workflow's
    events set the record right.

    Raises:
        UnknownRunError: there is no run of that name.
        ForbiddenError: it is somebody else's.
        LimitError: whose run it is has as many as they may, or there is no room for it on this deployment.
        RunStateError: it has not failed, or its workflow is gone.
        ConflictError: another run publishes, or has published, to the same place.
        ArgoUnavailableError: Argo does not answer.
    """
    run = _own_run(context, name, caller=caller)
    with context.database.transaction() as conn:
        claim_retry(conn, name)
        require_room(conn, run.owner_id, settings=context.settings, but=name, locked=True)
        require_turn(conn, name, context.settings.queue)
        record_stop(conn, name, reason=None)
        forget_end(conn, name)
        forget_removals(conn, name)
        record_act(conn, Action.RETRY, name, caller=caller)
        context.argo.retry(name)
        workflow = context.argo.get(name)
        if workflow is not None:
            record_state(conn, read_workflow(workflow))
        return get_run(conn, name)


def remove_run(context: Context, name: str, *, caller: Caller) -> Run:
    """Remove what a run that has ended left: its workflow with the logs, its artifacts, its download.

    Its record stays, and so do data it has published. What it left on the workflow volume goes as well: on
    one machine with the workflow, on a cluster when `tidy` finds that nobody can go on from it.

    Raises:
        UnknownRunError: there is no run of that name.
        ForbiddenError: it is somebody else's.
        RunStateError: it has not ended.
        ArgoUnavailableError: Argo does not answer.
        StorageUnavailableError: the artifact store does not answer.
    """
    run = _own_run(context, name, caller=caller)
    if run.status not in TERMINAL_PHASES:
        raise RunStateError(
            f"Run {name} has not ended ({run.status}), so nothing of it is removed. "
            f"Stop it first: ogdc-runner cancel {name}"
        )
    with context.database.autocommit() as conn:
        record_act(conn, Action.REMOVE, name, caller=caller)  # first: what follows cannot be undone
    context.argo.delete(name)
    context.store.delete_prefix(run_prefix(name))
    with context.database.autocommit() as conn:
        record_output_removed(conn, name)
    return recorded_run(context, name)


def _own_run(context: Context, name: str, *, caller: Caller) -> Run:
    """Read a run that the caller may change."""
    run = recorded_run(context, name)
    caller.require_own(run.owner_id, f"Run {name} ({run.submitted_by})")
    return run
