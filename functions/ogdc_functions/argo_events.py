"""The argo_events service: what the Kubernetes API says about workflows goes into the record.

An HTTP function, since functions-framework's CloudEvent functions can answer only 200 and 500, and Knative
repeats an event on 404, 408, 409, 429 and 5xx: what can never succeed has to be answered with another 4xx.

Source: knative/eventing pkg/kncloudevents/retries.go.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from uuid import uuid4

from flask import Response

from ogdc_functions.http.responses import receipt
from ogdc_functions.http.routing import Call, Served
from ogdc_functions.http.serving import serve
from ogdc_functions.senders import check_sender, check_token
from ogdc_shared.api.answers import EventsResponse
from ogdc_shared.api.routes import Function
from ogdc_shared.context import Context
from ogdc_shared.errors import InputError, UnavailableError
from ogdc_shared.events.cloudevents import Event, each_event
from ogdc_shared.events.workflow_event import read_workflow_event
from ogdc_shared.runs.events import TakenEvent, apply_event
from ogdc_shared.telemetry.tracing import current

SWEEP_REQUESTED = "org.ogdc.sweep_requested"
"""Type of the event that says of runs that the sweep has something to do for them."""


def build(context: Context) -> Served:
    """Build the function that functions-framework serves as `argo_events`."""
    return serve(Function.ARGO_EVENTS, context, sys.modules[__name__])


def receive_workflow_events(context: Context, call: Call) -> Response:
    """Apply the events of one request, each by itself.

    One that cannot be read, or recorded, keeps no other from being applied. Where none can be applied now,
    the request is repeated, and those that were applied are known by then.

    Raises:
        InvalidRequestError: one cannot be read, or never be recorded; all others were applied.
        UnauthenticatedError: one does not show that a source of ours sent it; likewise.
        UnavailableError: what this depends on is away.
    """
    check_sender(context, call.request)
    taken: list[TakenEvent] = []
    refused: list[Exception] = []
    for read in each_event(dict(call.request.headers), call.request.get_data()):
        try:
            event = read()
            check_token(context, event.token)
            taken.append(apply_event(context, event, read_workflow_event(event)))
        except UnavailableError:
            raise
        except Exception as exc:
            refused.append(exc)
    if refused:
        # A fault of ours before an event's: only that is repeated, and logged.
        raise min(refused, key=lambda exc: isinstance(exc, InputError))
    answer = EventsResponse([each.outcome for each in taken])
    return receipt(call.request, answer, reply=_call_for_sweep(taken, context.settings.event_token))


def _call_for_sweep(taken: Sequence[TakenEvent], token: str | None) -> Event | None:
    """Have Knative wake the sweep, which stops what has failed and tells of ends; None: there is no need."""
    runs = [each.for_sweep for each in taken if each.for_sweep]
    if not runs:
        return None
    return Event(
        id=uuid4().hex,
        source="/ogdc/argo-events",
        type=SWEEP_REQUESTED,
        subject=runs[0],
        data={"runs": runs},
        trace=current().trace,
        token=token,
    )
