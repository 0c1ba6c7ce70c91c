"""Dispatching requests to handlers, and turning their errors into responses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import cache, partial
from typing import Any, NamedTuple, NoReturn

from flask import Request, Response
from msgspec import Struct
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ogdc_functions.http.body_limits import UNREAD, read_body, read_what_is_refused
from ogdc_functions.http.callers import add_challenge, credentials_of
from ogdc_functions.http.observing import observed
from ogdc_functions.http.paths import Paths, bare
from ogdc_functions.http.process_problems import as_process_problem
from ogdc_functions.http.responses import error_response, leave_body_unread, nothing_at, struct_response
from ogdc_shared.accounts.identify import identify
from ogdc_shared.api.routes import ROUTES, Route
from ogdc_shared.auth.caller import Caller
from ogdc_shared.auth.permissions import PUBLIC, Permission
from ogdc_shared.context import Context
from ogdc_shared.oidc_settings import TrustedIssuer

Served = Callable[[Request], Response]
"""The function that functions-framework calls for each request."""
Handler = Callable[..., Struct | Response]
"""Called with the call, and the path parameters by name."""
Handlers = Mapping[tuple[str, str], tuple[Route, Handler]]
"""By method and path template."""

_REFUSED = frozenset({401, 403, 429})
"""Statuses that are logged; the messages contain no credentials."""

_log = logging.getLogger(__name__)


class Call(NamedTuple):
    """A request and its caller."""

    request: Request
    caller: Caller


class _Found(NamedTuple):
    """The route of a request, with its handler and path parameters."""

    route: Route
    handle: Handler
    parameters: Mapping[str, Any]


def build_function(handlers: Handlers, context: Context) -> Served:
    """Build the function that answers some routes, and all other requests with an error in JSON."""
    paths = Paths(path for _, path in handlers)
    telemetry = context.telemetry  # created now, so that invalid settings fail the start
    issuers = _issuers_needed(context, {route.permission for route, _ in handlers.values()})

    def function(request: Request) -> Response:
        if issuers:  # not at start: the web server forks after that, and threads do not survive a fork
            context.issuers.prefetch(issuers)
        found = _find(handlers, paths, request)
        if not found.route.observed:
            return _answer(found, request, context)
        name = found.parameters.get("name", "")
        with observed(telemetry, request, path=found.route.path, name=name) as record:
            response = _answer(found, request, context)
            record(response)
        return response

    return function


def _issuers_needed(context: Context, permissions: Collection[Permission]) -> list[TrustedIssuer]:
    """The issuers whose keys a function needs.

    Raises:
        ConfigurationError: the settings of issuers are invalid, which fails the start.
    """
    oidc = context.settings.oidc
    oidc.trusted()
    needed = [*oidc.sources] if any(each.from_source for each in permissions) else []
    if context.settings.access_mode == "authenticated" and any(each.role for each in permissions):
        needed += oidc.of_users()
    return needed


def _answer(found: _Found, request: Request, context: Context) -> Response:
    most = found.route.max_body
    try:
        # The caller first: only theirs may be large or slow.
        caller = identify(context, credentials_of(request), found.route.permission)
        read_body(request, most=most)
        answer = found.handle(Call(request, caller), **found.parameters)
        return struct_response(answer) if isinstance(answer, Struct) else answer
    except Exception as exc:
        response = error_response(exc)
        if found.route.is_ogc:
            response = as_process_problem(response, exc, request)
        if not isinstance(exc, UNREAD) and not read_what_is_refused(request, most=most):
            leave_body_unread(response)
        if response.status_code in _REFUSED:
            _log.info("%s %s: %s: %s", request.method, found.route.path, response.status, exc)
        if context.settings.access_mode == "authenticated":
            add_challenge(response, exc, request, context.settings)
        return response


def _find(handlers: Handlers, paths: Paths, request: Request) -> _Found:
    """Find the route of a request; for an unknown path or method, one that rejects it."""
    method = "GET" if request.method == "HEAD" else request.method
    template, parameters = paths.find(request.path) or ("", {})
    if found := handlers.get((method, template)):
        return _Found(*found, parameters)
    allowed = [known for known, path in handlers if path == template]
    allowed = allowed or [known for known in _methods_elsewhere(request.path) if known != method]
    path = bare(request.path)
    refusal: HTTPException = nothing_at(path)
    if allowed:
        refusal = MethodNotAllowed(allowed, f"{path} supports {' and '.join(allowed)}, not {method}.")
    return _Found(Route("", method, "", (), PUBLIC, ""), partial(_refuse, refusal), {})


def _methods_elsewhere(path: str) -> list[str]:
    """The methods that any function supports for a path, to tell 405 from 404."""
    found = _documented_paths().find(path)
    return [route.method for route in ROUTES if found and route.path == found[0]]


@cache
def _documented_paths() -> Paths:
    return Paths(route.path for route in ROUTES if route.documented)


def _refuse(refusal: HTTPException, _call: Call) -> NoReturn:
    raise refusal
