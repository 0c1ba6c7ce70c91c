"""The argo_events service: applies CloudEvents about workflows to the record of runs.

An HTTP function rather than a CloudEvent function, because those can only answer 200 or 500. Knative retries
an event on 404, 408, 409, 429 and 5xx, so an event that can never succeed must get another 4xx.

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
"""Type of the event that asks the sweep to handle certain runs."""


def build(context: Context) -> Served:
    """Build the function that functions-framework serves as `argo_events`."""
    return serve(Function.ARGO_EVENTS, context, sys.modules[__name__])


def receive_workflow_events(context: Context, call: Call) -> Response:
    """Apply the events of one request independently of each other.

    An event that is invalid does not stop the others. If the database is unavailable, the whole request is
    retried; events that were already applied are recognized then.

    Raises:
        InvalidRequestError: an event is malformed or can never be applied; all others were applied.
        UnauthenticatedError: an event lacks the deployment's token; all others were applied.
        UnavailableError: the database or another dependency is unavailable.
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
        # Prefer an internal error to an invalid event: only that is retried, and logged.
        raise min(refused, key=lambda exc: isinstance(exc, InputError))
    answer = EventsResponse([each.outcome for each in taken])
    return receipt(call.request, answer, reply=_call_for_sweep(taken, context.settings.event_token))


def _call_for_sweep(taken: Sequence[TakenEvent], token: str | None) -> Event | None:
    """The event that makes Knative call the sweep, which stops failed runs and sends notifications."""
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
