"""Long polling for runs: responses that wait until there is something new, for clients that request it.

A client that sends `Prefer: wait=N` with `If-None-Match`, and has the current state, gets its response when a
run may have changed, at most N seconds later. On a cluster each waiting client would occupy a function, so
responses are immediate there, as the preference allows.

Source: RFC 7240, sections 2 and 4.3, where N is whole; here it may be a fraction.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from ogdc_local.stack.functions import Functions

_WAIT = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,5}(?:\.[0-9]{1,3})?)(?:$|[,;\s])")
MAX_SECONDS = 1.0
"""Longest wait, so that stopping the stack does not take long."""
MAX_WAITING = 8
"""Maximum number of waiting clients, since each occupies a thread; others get immediate responses."""


def with_long_polls(functions: Functions, changes: Changes) -> Functions:
    """Make `status` wait for changes by the other functions."""
    return functions._replace(
        submit=_noting(functions.submit, changes),
        argo_events=_noting(functions.argo_events, changes),
        status=LongPolls(functions.status, changes),
    )


class Changes:
    """Counts changes that may affect runs."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def note(self) -> None:
        """Count a change, and wake up waiting requests."""
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait_beyond(self, count: int, seconds: float) -> bool:
        """Wait until there are more than `count`; False after the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: self.count > count, max(0.0, seconds))


class LongPolls:
    """Forwards requests; those that may wait are repeated until the response is new or time is up."""

    def __init__(
        self,
        application: WSGIApplication,
        changes: Changes,
        *,
        most: int = MAX_WAITING,
        longest: float = MAX_SECONDS,
    ) -> None:
        self._application = application
        self._changes = changes
        self._longest = longest
        self._places = threading.Semaphore(most)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        seconds = min(_seconds(environ), self._longest)
        if not seconds or not self._places.acquire(blocking=False):
            return self._application(environ, start_response)
        try:
            response = self._answer(environ, time.monotonic() + seconds)
        finally:
            self._places.release()
        return response(environ, start_response)

    def _answer(self, environ: WSGIEnvironment, deadline: float) -> Response:
        while True:
            count = self._changes.count  # before the request, so that no change is missed
            response = Response.from_app(self._application, environ)
            if response.status_code != HTTPStatus.NOT_MODIFIED:
                return response
            if not self._changes.wait_beyond(count, deadline - time.monotonic()):
                return response
            response.close()


def _seconds(environ: WSGIEnvironment) -> float:
    """Return how long a request may wait; 0 if it does not request that."""
    if environ["REQUEST_METHOD"] != "GET" or "HTTP_IF_NONE_MATCH" not in environ:
        return 0.0
    asked = _WAIT.search(environ.get("HTTP_PREFER", ""))
    return float(asked[1]) if asked else 0.0


def _noting(application: WSGIApplication, changes: Changes) -> WSGIApplication:
    def noted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        finally:
            changes.note()

    return noted
