"""Answers about runs that wait until there is something new, for those who ask for it.

Who sends `Prefer: wait=N` beside `If-None-Match` and knows the latest is answered when a run may have
changed, at most N seconds later. On a cluster each who waits would hold a function, and is answered at once,
as the preference allows.

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
"""So that nobody is held up for long by a stack that stops."""
MAX_WAITING = 8
"""Others are answered at once: who waits has a thread of the server to itself."""


def with_long_polls(functions: Functions, changes: Changes) -> Functions:
    """Have `status` wait for what the other functions change."""
    return functions._replace(
        submit=_noting(functions.submit, changes),
        argo_events=_noting(functions.argo_events, changes),
        status=LongPolls(functions.status, changes),
    )


class Changes:
    """Counts what may have changed a run."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def note(self) -> None:
        """Count a change, and wake who waits for it."""
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait_beyond(self, count: int, seconds: float) -> bool:
        """Wait until there are more; False: it took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self.count > count, max(0.0, seconds))


class LongPolls:
    """Passes requests on, those that may wait again and again until the answer is new or the time is over."""

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
            count = self._changes.count  # before it is asked: what comes meanwhile is not missed
            response = Response.from_app(self._application, environ)
            if response.status_code != HTTPStatus.NOT_MODIFIED:
                return response
            if not self._changes.wait_beyond(count, deadline - time.monotonic()):
                return response
            response.close()


def _seconds(environ: WSGIEnvironment) -> float:
    """How long a request may wait; 0 where it does not ask for that."""
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
