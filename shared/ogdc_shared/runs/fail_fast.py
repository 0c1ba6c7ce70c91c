"""Stopping workflows: after a failed task (`fail_fast`), or when a task does not start in time.

Argo supports neither: `failFast` of a DAG is about its branches, and starts all tasks of a fan-out even if
the first fails; `failFast` of a template treats an attempt that will be retried as a failure; and
`pendingTimeout` is ignored for templates with a retryStrategy. So it is done by whoever first learns of the
failure, and by the sweep.

Source: workflow/controller of argo-workflows 4.1, dag.go (assessDAGPhase) and node_counters.go
(getUnsuccessfulChildren).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from ogdc_shared.argo.state import WorkflowState
from ogdc_shared.context import Context
from ogdc_shared.db.workflow_state import record_stop, request_refresh
from ogdc_shared.errors import OgdcError, RunStateError

_log = logging.getLogger(__name__)


def enforce_fail_fast(context: Context, state: WorkflowState) -> bool:
    """Stop a workflow that has failed or has waited too long; call it with its newest recorded state.

    If Argo does not respond, or does not allow it to this service, the next reconciliation stops the run.

    Returns:
        False if the workflow should be stopped but could not be.
    """
    reason = _in_vain(context, state)
    if not state.fails_fast and not reason:
        return True
    try:
        if reason:
            with context.database.autocommit() as conn:
                record_stop(conn, state.name, reason=reason)
        context.argo.terminate(state.name)
    except RunStateError:
        pass  # it has ended, or no longer exists
    except OgdcError as exc:
        _log.warning("run %s is to end and goes on, since it could not be stopped: %s", state.name, exc)
        with context.database.autocommit() as conn:
            request_refresh(conn, state.name)
        return False
    return True


def _in_vain(context: Context, state: WorkflowState) -> str | None:
    """Return why the workflow should be stopped because a task did not start in time; None otherwise."""
    limit = context.settings.worker.start_timeout
    if state.waiting_since is None or not limit:
        return None
    if (datetime.now(UTC) - state.waiting_since).total_seconds() < limit:
        return None
    return (
        f"{(state.waiting or 'A task waits to begin').rstrip('.')}. "
        f"It was given up after {limit} s (OGDC_START_TIMEOUT)."
    )
