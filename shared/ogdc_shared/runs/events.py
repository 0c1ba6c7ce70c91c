"""What an event says about a run goes into the record, once."""

from __future__ import annotations

from ogdc_shared.argo.state import WorkflowState
from ogdc_shared.context import Context
from ogdc_shared.db.events import record_event
from ogdc_shared.db.runs import find_run, record_deletion, record_state
from ogdc_shared.events.cloudevents import Event
from ogdc_shared.events.workflow_event import WorkflowDeletion
from ogdc_shared.runs.stopping import stop_if_doomed

APPLIED = "applied"
KNOWN = "known"
IGNORED = "ignored"


def apply_event(context: Context, event: Event, change: WorkflowState | WorkflowDeletion | None) -> str:
    """Apply what an event says; in one transaction with the note that it was applied.

    A workflow that is no run of ours stays out of the record: every run is recorded before Argo hears of it,
    so no event can be early.

    Args:
        context: Where the record is.
        event: The event.
        change: What `read_workflow_event` made of it.

    Returns:
        `applied`; `known` where the record says so already; `ignored` where it is not about a run.

    Raises:
        DatabaseUnavailableError: nothing was recorded, so the event has to come again.
    """
    state = change.last if isinstance(change, WorkflowDeletion) else change
    if state is None or state.namespace != context.settings.argo.namespace:
        return IGNORED
    with context.database.connection() as conn:
        if not record_event(conn, source=event.source, id=event.id, type=event.type, subject=event.subject):
            return KNOWN
        record = record_deletion if isinstance(change, WorkflowDeletion) else record_state
        if not record(conn, state):
            return KNOWN if find_run(conn, state.name) else IGNORED
    if record is record_state:
        stop_if_doomed(context, state)
    return APPLIED
