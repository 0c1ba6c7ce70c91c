"""What the stack offers its user behind one port: the functions, a view of the workflows, artifact downloads.

The engine's own API, which can mount the whole volume, is behind another port and a token (see `Internal`).
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug import Request, Response
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.utils import send_file

from ogdc_functions.argo_events import SWEEP_REQUESTED
from ogdc_functions.http.paths import Paths
from ogdc_functions.http.responses import add_security_headers, error_response, json_response
from ogdc_local.stack.control import STATE_PATH
from ogdc_local.stack.functions import Functions
from ogdc_shared.api.routes import ROUTES, Function
from ogdc_shared.errors import ForbiddenError, OutputUnavailableError
from ogdc_shared.storage.directory import DirectoryStore
from ogdc_shared.storage.links import verify

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ARTIFACTS = "/artifacts/"
_ENGINE = "/api/v1/"
_EVENTS = "/events/argo"
_CHANGES = frozenset({"POST", "PATCH", "DELETE"})
_READS = frozenset({"GET", "HEAD"})
_ROUTES = [route for route in ROUTES if len(route.functions) == 1 and route.functions[0] in Functions._fields]
"""Without probes, which belong to no single function."""
_OUR_HOSTS = frozenset({"localhost", "127.0.0.1"})


class Gateway:
    """The WSGI application that dispatches requests to functions, engine and artifact store.

    It is only served to this machine's user (see `connections`). Requests by other sites through the user's
    browser are rejected: a `Host` that is not this machine (DNS rebinding), and an `Origin` that is not this
    gateway.
    """

    def __init__(
        self,
        *,
        functions: Functions,
        engine: WSGIApplication | None,
        artifacts: Path,
        signing_key: str,
        user: str,
        state: Callable[[], Mapping[str, Any]],
    ) -> None:
        """Store the arguments; nothing is opened yet.

        Args:
            functions: The functions' applications.
            engine: Serves /api/v1/…, the supported part of the Argo Server's API, for reading only. None if
                users have to log in, since that API does not authenticate them.
            artifacts: Root of the artifact store.
            signing_key: Key for artifact links.
            user: Name of the caller of requests that name nobody, such as those of the web page. It only has
                an effect if users do not log in.
            state: Returns the response to `GET /stack`.
        """
        self._functions = functions
        self._paths = Paths(route.path for route in _ROUTES)
        self._engine = engine
        self._store = DirectoryStore(artifacts)
        self._signing_key = signing_key
        self._user = user
        self._state = state

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        try:
            check_caller(environ)
            environ.setdefault("HTTP_OGDC_USER", self._user)
            answer = self._choose(environ)
        except ForbiddenError as exc:
            answer = add_security_headers(error_response(exc))
        return answer(environ, start_response)

    def _choose(self, environ: WSGIEnvironment) -> WSGIApplication:
        path: str = environ["PATH_INFO"]
        if path.startswith(_ARTIFACTS):
            return self._artifact
        if path.startswith(_ENGINE):
            return self._view(environ["REQUEST_METHOD"])
        if path.removeprefix("/api") == STATE_PATH and environ["REQUEST_METHOD"] in _READS:
            return add_security_headers(json_response(self._state()))
        return self._function(environ["REQUEST_METHOD"], path)

    def _function(self, method: str, path: str) -> WSGIApplication:
        """Return the function for a route, else one for the path, else one that responds with an error."""
        template, _ = self._paths.find(path) or ("", {})
        by_method = {route.method: route.functions[0] for route in _ROUTES if route.path == template}
        chosen = by_method.get("GET" if method == "HEAD" else method)
        if chosen is None and len({*by_method.values()}) == 1:
            (chosen,) = {*by_method.values()}
        usual = Function.SUBMIT if method in _CHANGES else Function.STATUS
        application: WSGIApplication = getattr(self._functions, chosen or usual)
        return application

    def _view(self, method: str) -> WSGIApplication:
        """Return the engine for reading. Creating workflows here would give access to the whole volume."""
        if self._engine is None:
            raise ForbiddenError("Callers log in here, and the Argo API knows no users: GET /runs/{name}.")
        if method in _READS:
            return self._engine
        raise ForbiddenError(
            "Workflows can only be looked at here. Start runs with POST /submit, stop them with "
            "POST /runs/{name}/cancel and try them again with POST /runs/{name}/retry."
        )

    def _artifact(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            response = self._download(Request(environ))
        except Exception as exc:
            response = error_response(exc)
        return add_security_headers(response)(environ, start_response)

    def _download(self, request: Request) -> Response:
        """Serve an artifact, or the ranges of it that are requested."""
        if request.method not in _READS:
            raise MethodNotAllowed(sorted(_READS), "Artifacts can be read only.")
        key = request.path.removeprefix(_ARTIFACTS)
        verify(key, request.args, secret=self._signing_key, now=time.time())
        path = self._store.path(key)
        if not path.is_file():
            raise OutputUnavailableError(f"{path.name} is no longer kept.", expired=True)
        response = send_file(
            path,
            request.environ,
            as_attachment=True,
            download_name=path.name,
            max_age=0,
        )
        return response


class Internal:
    """The API between the stack's parts: the engine's API and its events.

    Callers need a token that exists only in this process's memory.
    """

    def __init__(
        self,
        engine: WSGIApplication,
        argo_events: WSGIApplication,
        *,
        token: str,
        on_sweep_requested: Callable[[], None] = lambda: None,
    ) -> None:
        """Store the arguments.

        Args:
            engine: The engine's API.
            argo_events: Receives the engine's events.
            token: The bearer token.
            on_sweep_requested: Called if `argo_events` requests a sweep, which a Trigger does on a cluster.
        """
        self._engine = engine
        self._argo_events = argo_events
        self._expected = f"Bearer {token}".encode()
        self._on_sweep_requested = on_sweep_requested

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        return self._choose(environ)(environ, start_response)

    def _choose(self, environ: WSGIEnvironment) -> WSGIApplication:
        given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1")
        if not hmac.compare_digest(given, self._expected):
            return error_response(ForbiddenError("This port is for the stack's own parts."))
        return self._take_event if environ["PATH_INFO"] == _EVENTS else self._engine

    def _take_event(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = Response.from_app(self._argo_events, environ)
        if response.headers.get("ce-type") == SWEEP_REQUESTED:
            self._on_sweep_requested()
        return response(environ, start_response)


class IdleTimer:
    """Forwards requests to an application, and measures the time since the last one."""

    def __init__(self, application: WSGIApplication, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._application = application
        self._clock = clock
        self._lock = threading.Lock()
        self._at_work = 0
        self._last = clock()

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last response, or since creation; 0 during a request."""
        return 0.0 if self._at_work else self._clock() - self._last

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        self._count(1)
        try:
            return self._application(environ, start_response)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self._at_work += change
            self._last = self._clock()


def check_caller(environ: WSGIEnvironment) -> None:
    """Reject requests from other sites' web pages. Connections of other users are rejected before.

    Raises:
        ForbiddenError: the request does not come from this machine's user or this gateway's pages.
    """
    host = environ.get("HTTP_HOST", "")
    if _host_name(f"//{host}") not in _OUR_HOSTS:
        raise ForbiddenError(f"The local stack answers to localhost and 127.0.0.1, not to {host[:100]!r}.")
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and origin != f"http://{host}":
        raise ForbiddenError(f"The local stack takes no requests from pages of {origin[:100]!r}.")


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
