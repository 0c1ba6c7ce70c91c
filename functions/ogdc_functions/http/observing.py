"""Observability of requests: trace, duration, and the run or trigger named in log lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from flask import Request, Response

from ogdc_shared.telemetry.base import REQUEST_DURATION, Telemetry
from ogdc_shared.telemetry.tracing import current, read_trace, within

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


@contextmanager
def observed(
    telemetry: Telemetry, request: Request, *, path: str, name: str
) -> Iterator[Callable[[Response], None]]:
    """Handle a request within the trace of its headers, or a new one.

    Yields a function to be called with the response before it is sent; it adds the `traceresponse` header.

    Args:
        telemetry: Where spans and metrics go.
        request: The request.
        path: The path template of the route; empty if there is none.
        name: The run or trigger in the request's path; empty if there is none.

    Source: https://opentelemetry.io/docs/specs/semconv/http/ (names and attributes), and W3C's draft of
    response headers, https://w3c.github.io/trace-context/ (traceresponse).
    """
    begun = perf_counter()
    method = request.method if request.method in _METHODS else "_OTHER"
    known: dict[str, str | int] = {"http.request.method": method, "url.scheme": request.scheme}
    if path:
        known["http.route"] = path
    trace = read_trace(request.headers.get("traceparent"), request.headers.get("tracestate"))
    about = {"trigger" if path.startswith("/triggers") else "run": name or None}
    span = telemetry.span(f"{method} {path}".rstrip(), kind="SERVER", trace=trace, attributes=known)
    with span as added, within(**about):

        def record(response: Response) -> None:
            added["http.response.status_code"] = response.status_code
            if response.status_code >= 500:
                added["error.type"] = str(response.status_code)
            if here := current().trace:
                response.headers["traceresponse"] = here.parent
            telemetry.measure(REQUEST_DURATION, perf_counter() - begun, {**known, **added})

        yield record
