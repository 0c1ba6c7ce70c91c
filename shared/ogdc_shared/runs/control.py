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
from ogdc_shared.phases import TERMINAL_PHASES, Phase
from ogdc_shared.runs.handover import reconcile
from ogdc_shared.runs.read import recorded_run
from ogdc_shared.runs.turns import start_next
from ogdc_shared.webhooks.record import forget_end


def cancel_run(context: Context, name: str, *, caller: Caller) -> Run:
    """Stop a run: its tasks are ended and it becomes Failed, or Error if Argo did not have it yet.

    Args:
        context: The services.
        name: Name of the run.
        caller: The user.

    Raises:
        UnknownRunError: there is no run with that name.
        ForbiddenError: it belongs to another user.
        RunStateError: it has already ended, or its result was published before it could be stopped.
        ArgoUnavailableError: Argo does not respond; it is not needed for a queued run.
    """
    run = _own_run(context, name, caller=caller)
    if run.status in TERMINAL_PHASES:
        raise _nothing_to_cancel(run)
    if not (run.waits and _end_unsent(context, name, caller=caller, only_waiting=True)):
        if run.handed_over_at is None and context.argo.get(name) is None:
            _end_unsent(context, name, caller=caller)
        else:
            _terminate(context, name, caller=caller)
    start_next(context)
    run = recorded_run(context, name)
    if run.status == Phase.SUCCEEDED:  # its result was published before it could be stopped
        raise _nothing_to_cancel(run)
    return run


def _nothing_to_cancel(run: Run) -> RunStateError:
    return RunStateError(f"Run {run.name} has ended ({run.status}); there is nothing to cancel.")


def _end_unsent(context: Context, name: str, *, caller: Caller, only_waiting: bool = False) -> bool:
    """End a run that Argo does not have; False if it does, or, with `only_waiting`, the run was released."""
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
    """End a workflow in Argo and update the record, even if the workflow had already ended."""
    with context.database.transaction() as conn:
        record_stop(conn, name, reason=f"Cancelled by {caller.name}.", by=caller_id(conn, caller))
        record_act(conn, Action.CANCEL, name, caller=caller)
    try:
        context.argo.terminate(name)
    except RunStateError:  # it had already ended without being recorded
        reconcile(context, name)
        start_next(context)
        if (run := recorded_run(context, name)).status in TERMINAL_PHASES:
            raise _nothing_to_cancel(run) from None
        raise
    reconcile(context, name)


def retry_run(context: Context, name: str, *, caller: Caller) -> Run:
    """Run the failed tasks of a run again.

    Argo is called inside the transaction that reserves the run's place. After a crash in between, the
    workflow's events correct the record.

    Raises:
        UnknownRunError: there is no run with that name.
        ForbiddenError: it belongs to another user.
        LimitError: its owner has too many runs, or the deployment has no room for it.
        RunStateError: it has not failed, or its workflow no longer exists.
        ConflictError: another run publishes, or has published, to the same place.
        ArgoUnavailableError: Argo does not respond.
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
    """Remove what an ended run left: its workflow with the logs, its artifacts and its download.

    Its record and published data stay. Its files on the workflow volume are removed, too: on one machine with
    the workflow, on a cluster by `tidy` when the run can no longer be retried.

    Raises:
        UnknownRunError: there is no run with that name.
        ForbiddenError: it belongs to another user.
        RunStateError: it has not ended.
        ArgoUnavailableError: Argo does not respond.
        StorageUnavailableError: the artifact store does not respond.
    """
    run = _own_run(context, name, caller=caller)
    if run.status not in TERMINAL_PHASES:
        raise RunStateError(
            f"Run {name} has not ended ({run.status}), so it cannot be removed. "
            f"Cancel it first: ogdc-runner cancel {name}"
        )
    with context.database.autocommit() as conn:
        record_act(conn, Action.REMOVE, name, caller=caller)  # first, since the rest cannot be undone
    context.argo.delete(name)
    context.store.delete_prefix(run_prefix(name))
    with context.database.autocommit() as conn:
        record_output_removed(conn, name)
    return recorded_run(context, name)


def _own_run(context: Context, name: str, *, caller: Caller) -> Run:
    """Read a run and check that the caller may change it."""
    run = recorded_run(context, name)
    caller.require_own(run.owner_id, f"Run {name} ({run.submitted_by})")
    return run
