"""What an event says about a run goes into the record, once."""

from __future__ import annotations

import logging
from typing import NamedTuple

from ogdc_shared.argo.state import WorkflowState
from ogdc_shared.context import Context
from ogdc_shared.db.workflow_state import Heard, Teller, record_mention, record_state
from ogdc_shared.events.cloudevents import Event
from ogdc_shared.events.workflow_event import WorkflowDeletion, WorkflowMention
from ogdc_shared.runs.end import tell_end
from ogdc_shared.runs.fail_fast import stop_if_doomed
from ogdc_shared.telemetry.base import EVENTS
from ogdc_shared.telemetry.tracing import within

APPLIED = "applied"
KNOWN = "known"
IGNORED = "ignored"
DOUBTED = "doubted"

_log = logging.getLogger(__name__)

_LONGEST = 256
"""Characters of an event's attributes in traces and log lines."""


class Outcome(NamedTuple):
    """What became of an event."""

    told: str
    """`applied`; `known` where the record said so already; `ignored` where it is not about a run; `doubted`
    where it contradicts the end that is recorded, so that Argo is asked first."""
    goes_on: str | None = None
    """The run that has failed and should have been stopped, which this service may not do."""


_Said = WorkflowState | WorkflowMention


def apply_event(
    context: Context, event: Event, change: WorkflowState | WorkflowDeletion | WorkflowMention | None
) -> Outcome:
    """Apply what an event says, together with the note that it was applied.

    What is about no run leaves no trace: should its run be recorded later, the event can come again, and who
    reads that run, or the sweep, asks Argo.

    Args:
        context: Where the record is.
        event: The event.
        change: What `read_workflow_event` made of it.

    Raises:
        DatabaseUnavailableError: nothing was recorded, so the event has to come again.
    """
    said = change.last if isinstance(change, WorkflowDeletion) else change
    about = {"cloudevents.event_id": event.id[:_LONGEST], "cloudevents.event_source": event.source[:_LONGEST]}
    outcome = Outcome(IGNORED)
    if said is not None and said.namespace == context.settings.argo.namespace:
        # A run's events belong to the trace it began in, in whatever request they come.
        trace = said.trace if isinstance(said, WorkflowState) else None
        span = context.telemetry.span(
            "apply event", kind="CONSUMER", trace=trace or event.trace, attributes=about
        )
        with span, within(run=said.name, event_id=event.id[:_LONGEST], event_source=event.source[:_LONGEST]):
            outcome = _apply(context, event, said, gone=isinstance(change, WorkflowDeletion))
    context.telemetry.count(EVENTS, {"ogdc.event.outcome": outcome.told})
    return outcome


def _apply(context: Context, event: Event, said: _Said, *, gone: bool) -> Outcome:
    heard = _record(context, event, said, gone=gone)
    if heard.doubted:
        return _doubt(context, event, said.name)
    if heard.after is None:
        return Outcome(IGNORED if heard.before is None else KNOWN)
    tell_end(context, said.name, heard)
    if isinstance(said, WorkflowState) and not gone and not stop_if_doomed(context, said):
        return Outcome(APPLIED, goes_on=said.name)
    return Outcome(APPLIED)


def _record(context: Context, event: Event, said: _Said, *, gone: bool) -> Heard:
    teller = _teller(event)
    if isinstance(said, WorkflowMention):
        with context.database.reader() as conn:
            return record_mention(conn, said.name, teller=teller)
    with context.recent.base_of(said) as base, context.database.reader() as conn:
        return record_state(conn, said, gone=gone, teller=teller, base=base, believed=False)


def _doubt(context: Context, event: Event, name: str) -> Outcome:
    """Have whoever may ask Argo do so: an end changes by a retry alone, or by what somebody made up."""
    _log.warning("run %s has ended, and an event says otherwise; Argo is asked before that is believed", name)
    with context.database.reader() as conn:
        record_mention(conn, name, teller=_teller(event))
    return Outcome(DOUBTED)


def _teller(event: Event) -> Teller:
    return Teller(event.source, event.id, event.type, event.subject)
