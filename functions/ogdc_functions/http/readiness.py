"""Whether a service can do its work: it can ask the database, which has the schema of this version.

Argo and the artifact store do not count. A run that is recorded is handed over later, and what cannot do
without them says so itself; taking the service away would only hide that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from threading import Lock, Thread
from time import monotonic

from flask import Response
from msgspec import Struct

from ogdc_functions.http.responses import RETRY_AFTER_SECONDS, json_response
from ogdc_shared.api.answers import HealthResponse, ReadyResponse
from ogdc_shared.context import Context
from ogdc_shared.errors import DatabaseBusyError, OgdcError

READY_SECONDS = 5.0
"""How long a good answer of the database is believed."""
UNREADY_SECONDS = 1.0
"""How long a bad one is: Knative asks up to twenty times a second while an instance starts."""
PATIENCE_SECONDS = 1.0
"""How long a probe waits for the database, which is less than it is waited for."""

_log = logging.getLogger(__name__)


def probes(context: Context) -> dict[str, Callable[..., Struct | Response]]:
    """The handlers of GET /healthz and GET /readyz of a service."""

    def check() -> None:
        from ogdc_shared.db.migrate import require_migrated

        require_migrated(context.database)

    return {"health": _health, "ready": partial(_ready, Readiness(check))}


def _health(_call: object) -> Struct:
    """Say that the process serves; what it depends on is each answer's own matter."""
    return HealthResponse()


def _ready(readiness: Readiness, _call: object) -> Struct | Response:
    problem = readiness.problem()
    if problem is None:
        return ReadyResponse()
    response = json_response({"detail": problem}, 503)
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


class Readiness:
    """Asks one question at a time, now and then, for however many probes.

    `check` raises an OgdcError where the service is not ready. It runs in a thread of its own, so that a
    server that says nothing at all keeps no probe waiting.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._lock = Lock()
        self._asked = 0.0
        self._answer: Future[str | None] | None = None
        self._known: str | None = None

    def problem(self) -> str | None:
        """Say why the service is not ready; None: it is."""
        with self._lock:
            if self._answer is None or self._is_old(self._answer):
                self._asked = monotonic()
                self._answer = Future()
                Thread(target=self._ask, args=(self._answer,), name="readiness", daemon=True).start()
            answer = self._answer
        try:
            return answer.result(PATIENCE_SECONDS)
        except TimeoutError:
            return f"The database has not answered for {monotonic() - self._asked:.0f} s."

    def _is_old(self, answer: Future[str | None]) -> bool:
        if not answer.done():
            return False
        believed = READY_SECONDS if answer.result() is None else UNREADY_SECONDS
        return monotonic() - self._asked > believed

    def _ask(self, answer: Future[str | None]) -> None:
        problem, cause = None, ""
        try:
            self._check()
        except DatabaseBusyError:
            pass  # requests are asking it, and find out by themselves
        except OgdcError as exc:
            problem, cause = str(exc), f" ({exc.__cause__})" if exc.__cause__ else ""
        except Exception:
            _log.exception("it cannot be found out whether the service is ready")
            problem = "Internal error; the service's log says more."
        if problem != self._known:
            # The cause, such as a wrong password, is the operator's to know and nobody else's.
            _log.warning("not ready: %s%s", problem, cause) if problem else _log.info("ready again")
        self._known = problem
        answer.set_result(problem)
