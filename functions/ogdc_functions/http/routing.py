"""From a request to the function that answers it, and from what that raises to an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, NoReturn

from flask import Request, Response
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed, RequestEntityTooLarge

from ogdc_functions.http.observing import observed
from ogdc_functions.http.responses import UnreadableBodyError, error_response, json_response, nothing_at
from ogdc_functions.paths import methods_of, pattern
from ogdc_shared.auth.caller import USER_HEADER, Caller, identify
from ogdc_shared.telemetry.base import Telemetry

Function = Callable[[Request], Response]
"""What functions-framework calls for each request."""

_PREFIX = "/api"
_MAX_BODY = 1 << 20
_BROKEN_OFF = "The request's body breaks off: it is shorter than its headers say. Send it again."


class Call(NamedTuple):
    """One request on its way to its handler."""

    request: Request
    caller: Caller
    name: str
    """The run, or trigger, the path names; empty where it names none."""


class Route(NamedTuple):
    """One kind of request.

    Attributes:
        path: May hold one `{name}`, which stands for one path segment.
        writes: Whether it changes something, which read-only deployments refuse.
        public: Whether callers need not say who they are.
        max_body: Most bytes a request's body may have.
        observed: Whether its requests are seen in traces and metrics; probes are not.
    """

    method: str
    path: str
    handle: Callable[[Call], Response]
    writes: bool = False
    public: bool = False
    max_body: int = _MAX_BODY
    observed: bool = True


def build_function(routes: Sequence[Route], *, access_mode: str, telemetry: Telemetry) -> Function:
    """Build the function that answers `routes` and GET /healthz, and all else with an error in JSON."""
    table = [(re.compile(pattern(route.path)), route) for route in (*routes, _HEALTH)]

    def function(request: Request) -> Response:
        route, name = _find(table, request)
        if not route.observed:
            return _answer(route, name, request, access_mode=access_mode)
        with observed(telemetry, request, path=route.path, name=name) as tell:
            response = _answer(route, name, request, access_mode=access_mode)
            tell(response)
        return response

    return function


def _answer(route: Route, name: str, request: Request, *, access_mode: str) -> Response:
    try:
        _read_body(request, most=route.max_body)
        claimed = request.headers.get(USER_HEADER)
        caller = identify(access_mode, claimed=claimed, writes=route.writes, public=route.public)
        return route.handle(Call(request, caller, name))
    except Exception as exc:
        return error_response(exc)


def _read_body(request: Request, *, most: int) -> None:
    """Read a request's body now: functions-framework does it after the answer, where an error is a crash.

    One byte more than allowed is let in, since werkzeug cuts a chunked body off at the limit without a word.
    """
    request.max_content_length = most + 1
    try:
        size = len(request.get_data())
    except RequestEntityTooLarge:
        size = most + 1
    except ClientDisconnected as exc:
        raise UnreadableBodyError(_BROKEN_OFF) from exc
    except HTTPException:
        raise
    except Exception as exc:  # each web server has its own: a chunk that is malformed, a caller who went away
        raise UnreadableBodyError(f"The request's body cannot be read: {exc}") from exc
    if size < (request.content_length or 0) <= most:  # gunicorn leaves that unsaid
        raise UnreadableBodyError(_BROKEN_OFF)
    if size > most:
        raise RequestEntityTooLarge(f"The body is too large; at most {most:,} bytes are taken here.")


def _healthz(_call: Call) -> Response:
    """Say that the process serves; what it depends on is each answer's own matter."""
    return json_response({"status": "ok"})


_HEALTH = Route("GET", "/healthz", _healthz, public=True, observed=False)


def _find(table: list[tuple[re.Pattern[str], Route]], request: Request) -> tuple[Route, str]:
    """Find a request's route and the name in its path; where there is none, a route that refuses it."""
    path = request.path.removeprefix(_PREFIX).rstrip("/") or "/"
    method = "GET" if request.method == "HEAD" else request.method
    allowed = []
    for form, route in table:
        if match := form.fullmatch(path):
            if route.method == method:
                return route, match.groupdict().get("name", "")
            allowed.append(route.method)
    allowed = allowed or [known for known in methods_of(path) if known != method]
    refusal: HTTPException = nothing_at(path)
    if allowed:
        refusal = MethodNotAllowed(allowed, f"{path} takes {' and '.join(allowed)}, not {method}.")
    return Route(method, "", partial(_refuse, refusal), public=True), ""


def _refuse(refusal: HTTPException, _call: Call) -> NoReturn:
    raise refusal
