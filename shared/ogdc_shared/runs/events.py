"""What an event says about a run goes into the record, once."""

from __future__ import annotations

from ogdc_shared.argo.state import TERMINAL_PHASES, WorkflowState
from ogdc_shared.context import Context
from ogdc_shared.db.events import record_event
from ogdc_shared.db.runs import find_run, record_deletion, record_state
from ogdc_shared.events.cloudevents import Event
from ogdc_shared.events.workflow_event import WorkflowDeletion
from ogdc_shared.runs.ending import transaction_on
from ogdc_shared.runs.stopping import stop_if_doomed
from ogdc_shared.telemetry import EVENTS
from ogdc_shared.tracing import within

APPLIED = "applied"
KNOWN = "known"
IGNORED = "ignored"

_LONGEST = 256
"""Characters of an event's attributes in traces and log lines."""


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
    about = {"cloudevents.event_id": event.id[:_LONGEST], "cloudevents.event_source": event.source[:_LONGEST]}
    outcome = IGNORED
    if state is not None and state.namespace == context.settings.argo.namespace:
        # A run's events belong to the trace it began in, in whatever request they come.
        span = context.telemetry.span(
            "apply event", kind="CONSUMER", trace=state.trace or event.trace, attributes=about
        )
        with span, within(run=state.name, event_id=event.id[:_LONGEST], event_source=event.source[:_LONGEST]):
            outcome = _apply(context, event, state, gone=isinstance(change, WorkflowDeletion))
    context.telemetry.count(EVENTS, {"ogdc.event.outcome": outcome})
    return outcome


def _apply(context: Context, event: Event, state: WorkflowState, *, gone: bool) -> str:
    with transaction_on(context, state.name, may_end=gone or state.phase in TERMINAL_PHASES) as conn:
        if not record_event(conn, source=event.source, id=event.id, type=event.type, subject=event.subject):
            return KNOWN
        record = record_deletion if gone else record_state
        if not record(conn, state):
            return KNOWN if find_run(conn, state.name) else IGNORED
    if not gone:
        stop_if_doomed(context, state)
    return APPLIED
