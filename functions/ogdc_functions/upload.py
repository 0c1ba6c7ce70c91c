"""The upload service: notifications of object stores about uploads start runs.

Knative retries an event on 404, 408, 409, 429 and 5xx, MinIO on anything but success. A recorded upload is
never lost, so it gets 200 even if its run has to wait; 503 means that nothing was recorded. A malformed event
gets 400, and Knative sends it to the dead-letter sink.

Source: knative/eventing pkg/kncloudevents/retries.go; minio/minio internal/event/target/webhook.go.
"""

from __future__ import annotations

import sys

from flask import Request, Response

from ogdc_functions.http.responses import receipt
from ogdc_functions.http.routing import Call, Served
from ogdc_functions.http.serving import serve
from ogdc_functions.senders import TOKEN_HEADER, check_sender, matches
from ogdc_shared.api.answers import UploadReceipt, UploadsResponse
from ogdc_shared.api.routes import Function
from ogdc_shared.context import Context
from ogdc_shared.errors import ForbiddenError, UnauthenticatedError
from ogdc_shared.telemetry.base import EVENTS
from ogdc_shared.telemetry.tracing import read_trace


def build(context: Context) -> Served:
    """Build the function that functions-framework serves as `upload`."""
    return serve(Function.UPLOAD, context, sys.modules[__name__])


def receive_uploads(context: Context, call: Call) -> Response:
    """Record all uploads of a request and start the runs of those that match triggers.

    Raises:
        InvalidRequestError: part of it is malformed; everything else was recorded.
    """
    from ogdc_shared.triggers import uploads
    from ogdc_shared.triggers.notifications import read_uploads

    _check_sender(context, call.request)
    headers = call.request.headers
    notification = read_uploads(dict(headers), call.request.get_data())
    # A run started by an upload belongs to the trace of the upload, not to that of the last hop.
    began = read_trace(headers.get("ce-traceparent"), headers.get("ce-tracestate"))
    with context.telemetry.span("receive uploads", kind="CONSUMER", trace=began, attributes={}):
        outcomes = uploads.receive_uploads(context, notification.uploads)
    for outcome in outcomes:
        context.telemetry.count(EVENTS, {"ogdc.event.outcome": outcome.outcome})
    if notification.refused:
        raise notification.refused[0]
    return receipt(
        call.request, UploadsResponse([UploadReceipt(**outcome._asdict()) for outcome in outcomes])
    )


def _check_sender(context: Context, request: Request) -> None:
    if context.settings.access_mode == "read_only":
        raise ForbiddenError("This deployment is read-only (ACCESS_MODE=read_only): uploads start nothing.")
    settings, headers = context.settings, request.headers
    own = settings.uploads.token
    if own is not None and matches(own, headers.get("Authorization", "").removeprefix("Bearer ")):
        return
    check_sender(context, request)
    is_shown = settings.event_token is not None and matches(settings.event_token, headers.get(TOKEN_HEADER))
    is_wanted = settings.event_token is not None or (own is not None and not settings.oidc.has_sources)
    if is_wanted and not is_shown:
        raise UnauthenticatedError(
            "Notifications of uploads need OGDC_UPLOAD_TOKEN (sent as `Authorization: Bearer …`) or "
            "OGDC_EVENT_TOKEN (added to the events by their source as the extension `ogdctoken`)."
        )
