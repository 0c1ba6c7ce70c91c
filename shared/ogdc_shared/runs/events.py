"""Applying workflow events to the record of runs, exactly once."""

from __future__ import annotations

import logging
from typing import NamedTuple

from ogdc_shared.argo.state import WorkflowState
from ogdc_shared.context import Context
from ogdc_shared.db.workflow_state import Applied, EventRef, record_reference, record_state
from ogdc_shared.events.cloudevents import Event
from ogdc_shared.events.workflow_event import ReferenceEvent, WorkflowDeletion
from ogdc_shared.outcomes import EventOutcome
from ogdc_shared.runs.end import note_end
from ogdc_shared.runs.fail_fast import enforce_fail_fast
from ogdc_shared.runs.turns import anybody_waits
from ogdc_shared.telemetry.base import EVENTS
from ogdc_shared.telemetry.tracing import within

_log = logging.getLogger(__name__)

_MAX_LENGTH = 256
"""Maximum length of an event's attributes in traces and logs, in characters."""


class TakenEvent(NamedTuple):
    """The result of processing an event."""

    outcome: EventOutcome
    for_sweep: str | None = None
    """The run that the sweep should handle soon: to stop it, to deliver notifications, or to release queued
    runs. None if there is no need."""


_News = WorkflowState | ReferenceEvent


def apply_event(
    context: Context, event: Event, change: WorkflowState | WorkflowDeletion | ReferenceEvent | None
) -> TakenEvent:
    """Apply an event and record its id, in one transaction.

    Events about unknown runs are not recorded. If such a run is recorded later, the event may be delivered
    again, and reading the run, or the sweep, reconciles it with Argo.

    Args:
        context: The services.
        event: The event.
        change: The output of `read_workflow_event` for it.

    Raises:
        DatabaseUnavailableError: nothing was recorded, so the event has to be delivered again.
    """
    news = change.last if isinstance(change, WorkflowDeletion) else change
    about = {
        "cloudevents.event_id": event.id[:_MAX_LENGTH],
        "cloudevents.event_source": event.source[:_MAX_LENGTH],
    }
    taken = TakenEvent(EventOutcome.IGNORED)
    if news is not None and news.namespace == context.settings.argo.namespace:
        # All events of a run belong to the trace of its submission, not to that of their own request.
        trace = news.trace if isinstance(news, WorkflowState) else None
        span = context.telemetry.span(
            "apply event", kind="CONSUMER", trace=trace or event.trace, attributes=about
        )
        with (
            span,
            within(run=news.name, event_id=event.id[:_MAX_LENGTH], event_source=event.source[:_MAX_LENGTH]),
        ):
            taken = _apply(context, event, news, gone=isinstance(change, WorkflowDeletion))
    context.telemetry.count(EVENTS, {"ogdc.event.outcome": taken.outcome})
    return taken


def _apply(context: Context, event: Event, news: _News, *, gone: bool) -> TakenEvent:
    applied = _record(context, event, news, gone=gone)
    if applied.doubted:
        return _doubt(context, event, news.name)
    if applied.after is None:
        return TakenEvent(EventOutcome.IGNORED if applied.before is None else EventOutcome.KNOWN)
    for_sweep = note_end(context, news.name, applied)
    if applied.ended is not None and anybody_waits(context):
        for_sweep = True
    if isinstance(news, WorkflowState) and not gone and not enforce_fail_fast(context, news):
        for_sweep = True
    return TakenEvent(EventOutcome.APPLIED, for_sweep=news.name if for_sweep else None)


def _record(context: Context, event: Event, news: _News, *, gone: bool) -> Applied:
    event_ref = _event_ref(event)
    if isinstance(news, ReferenceEvent):
        with context.database.autocommit() as conn:
            return record_reference(conn, news.name, event_ref=event_ref)
    with context.recent.base_of(news) as base, context.database.autocommit() as conn:
        return record_state(conn, news, gone=gone, event_ref=event_ref, base=base, believed=False)


def _doubt(context: Context, event: Event, name: str) -> TakenEvent:
    """Request that Argo is asked: only a retry can undo an end, or somebody has forged the event."""
    _log.warning("run %s has ended, and an event says otherwise; Argo is asked before that is believed", name)
    with context.database.autocommit() as conn:
        record_reference(conn, name, event_ref=_event_ref(event))
    return TakenEvent(EventOutcome.DOUBTED)


def _event_ref(event: Event) -> EventRef:
    return EventRef(event.source, event.id, event.type, event.subject)
