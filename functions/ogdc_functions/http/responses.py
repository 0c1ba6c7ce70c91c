"""Responses, and the table that maps errors to HTTP statuses."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from flask import Flask, Request, Response, request
from msgspec import Struct, to_builtins
from werkzeug import Response as WerkzeugResponse
from werkzeug.exceptions import HTTPException, NotFound

from ogdc_functions.http.body_limits import UNREAD
from ogdc_shared import errors
from ogdc_shared.events.cloudevents import Event, write_event

RETRY_AFTER_SECONDS = 2
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""API responses are never pages, and must not be cached: some contain a token.

Source: OWASP REST Security Cheat Sheet; RFC 6750 section 5.3 and RFC 9111 section 5.2.2.5 (no-store).
"""

_Response = TypeVar("_Response", bound=WerkzeugResponse)

_STATUS: Mapping[type[Exception], int] = {
    errors.InputError: 400,
    errors.InvalidRequestError: 400,
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.RecipeNotFoundError: 404,
    errors.UnknownRunError: 404,
    errors.UnknownTriggerError: 404,
    errors.UnknownUserError: 404,
    errors.UnknownTokenError: 404,
    errors.UnknownWebhookError: 404,
    errors.UnknownProcessError: 404,
    errors.ResultNotReadyError: 404,
    errors.ConflictError: 409,
    errors.OutputUnavailableError: 409,
    errors.InvalidRecipeError: 422,
    errors.InputNotFoundError: 422,
    errors.JobFailedError: 422,
    errors.UnsupportedError: 422,
    errors.UnusableInputError: 422,
    errors.LimitError: 429,
    errors.UnavailableError: 503,
}

_log = logging.getLogger(__name__)


def prepare(app: Flask) -> None:
    """Add the security headers to all responses of `app`, and make its own errors JSON like ours.

    functions-framework rejects some requests itself, such as /robots.txt; their bodies are left unread.
    """

    def refuse(exc: HTTPException) -> Response:
        response = error_response(nothing_at(request.path) if isinstance(exc, NotFound) else exc)
        leave_body_unread(response)
        return response

    app.register_error_handler(HTTPException, refuse)
    app.after_request(add_security_headers)


def add_security_headers(response: _Response) -> _Response:
    """Add SECURITY_HEADERS where the response does not set them."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def nothing_at(path: str) -> NotFound:
    """The error for an unknown path."""
    return NotFound(f"There is nothing at {path}; GET / lists the paths.")


def json_response(body: Mapping[str, Any], status: int = 200) -> Response:
    """Answer with a JSON object."""
    text = json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")  # lone surrogates alone
    return Response(text, status, content_type="application/json")


def struct_response(answer: Struct, status: int = 200) -> Response:
    """Answer with a struct as JSON; times are in UTC, written with the offset `+00:00`."""
    body = to_builtins(answer, builtin_types=(datetime,))
    text = json.dumps(body, ensure_ascii=False, default=datetime.isoformat)
    return Response(text, status, content_type="application/json")


def receipt(request: Request, answer: Struct, *, reply: Event | None = None) -> Response:
    """Acknowledge a request: a CloudEvent with 204, unless the client accepts JSON.

    Knative treats a response body as a reply event, and one that is not an event as a failed delivery, which
    it would retry.

    Args:
        request: The request.
        answer: The outcome, as JSON.
        reply: An event for Knative's broker to forward.

    Source: knative/eventing pkg/broker/filter/filter_handler.go (writeResponse).
    """
    kind = request.headers.get("Content-Type", "")
    is_event = "Ce-Specversion" in request.headers or kind.startswith("application/cloudevents")
    if is_event and "application/json" not in request.headers.get("Accept", ""):
        return Response(status=204) if reply is None else _event_response(reply)
    return struct_response(answer)


def _event_response(event: Event) -> Response:
    headers, content = write_event(event)
    return Response(content, 200, headers)


def error_response(exc: Exception) -> Response:
    """Answer with what the caller may know of `exc`; internal details are logged under a reference."""
    if isinstance(exc, HTTPException):
        return _http_response(exc)
    if isinstance(exc, OSError) and exc.errno in errors.NO_ROOM:
        return error_response(_no_room(exc))
    status = status_of(exc)
    if status == 500:
        reference = secrets.token_hex(6)
        _log.error("internal error %s", reference, exc_info=exc)
        return json_response(
            {"detail": f"Internal error; the service's log says more under {reference}."}, 500
        )
    if status == 503:
        _log.warning("unavailable: %s", exc, exc_info=exc)
    response = json_response({"detail": str(exc)}, status)
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if isinstance(exc, errors.LimitError):
        response.headers["Retry-After"] = str(exc.retry_after)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _no_room(exc: OSError) -> errors.StorageUnavailableError:
    """Translate a full disk, which may happen wherever an operation writes."""
    error = errors.StorageUnavailableError(
        "The service's disk is full; its operator has to free space first."
    )
    error.__cause__ = exc
    return error


def status_of(exc: Exception) -> int:
    """Return the HTTP status that stands for `exc`."""
    if isinstance(exc, errors.OutputUnavailableError) and (exc.expired or exc.elsewhere):
        return 410 if exc.expired else 404
    return next((_STATUS[cls] for cls in type(exc).__mro__ if cls in _STATUS), 500)


def _http_response(exc: HTTPException) -> Response:
    response = json_response({"detail": exc.description or "No such request."}, exc.code or 500)
    response.headers.extend(header for header in exc.get_headers() if header[0].lower() != "content-type")
    if isinstance(exc, UNREAD):
        leave_body_unread(response)
    return response


def leave_body_unread(response: Response) -> None:
    """Keep functions-framework from reading the rest of a request that is too large or too slow.

    It drains what a handler left unread, except for streamed responses (`functions_framework.read_request`).
    """
    response.response = iter([response.get_data()])
    response.headers["Connection"] = "close"
