"""The dead_letters service: logs events that could not be delivered after all retries.

The run they are about is still reconciled: a read of a run without recent events, and the sweep, ask Argo.
"""

from __future__ import annotations

import logging
import sys

from flask import Response

from ogdc_functions.http.responses import receipt
from ogdc_functions.http.routing import Call, Served
from ogdc_functions.http.serving import serve
from ogdc_functions.senders import check_sender
from ogdc_shared.api.answers import LoggedResponse
from ogdc_shared.api.routes import Function
from ogdc_shared.context import Context
from ogdc_shared.telemetry.tracing import read_trace, within

_ATTRIBUTES = ("id", "source", "type", "subject", "name", "namespace")
_FAILURE = ("knativeerrordest", "knativeerrorcode")
_MAX_LENGTH = 500

_log = logging.getLogger(__name__)


def build(context: Context) -> Served:
    """Build the function that functions-framework serves as `dead_letters`."""
    return serve(Function.DEAD_LETTERS, context, sys.modules[__name__])


def log_dead_letter(context: Context, call: Call) -> Response:
    """Log an event's attributes and the failed delivery; it is never retried.

    Source: knative/eventing pkg/kncloudevents/attributes/knative_error.go (the extensions of a dead letter).
    """
    check_sender(context, call.request)
    headers = call.request.headers
    attributes = {
        name: headers[f"ce-{name}"][:_MAX_LENGTH]
        for name in _ATTRIBUTES + _FAILURE
        if f"ce-{name}" in headers
    }
    began = read_trace(headers.get("ce-traceparent"))
    with within(began, event_id=attributes.get("id"), event_source=attributes.get("source")):
        _log.error("event given up: %s", " ".join(f"{name}={value!r}" for name, value in attributes.items()))
    return receipt(call.request, LoggedResponse())
