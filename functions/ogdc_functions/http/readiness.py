"""Probes: a service is ready if the database answers and has the schema of this version.

Argo and the artifact store do not count: a recorded run is handed over later, and requests that need them
answer 503 themselves; taking the service out of rotation would only hide that.
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
"""How long a positive result is cached."""
UNREADY_SECONDS = 1.0
"""How long a negative one is: Knative probes up to twenty times a second while an instance starts."""
PATIENCE_SECONDS = 1.0
"""How long one probe waits for the database; the check itself may take longer."""

_log = logging.getLogger(__name__)


def probes(context: Context) -> dict[str, Callable[..., Struct | Response]]:
    """The handlers of GET /healthz and GET /readyz."""

    def check() -> None:
        from ogdc_shared.db.migrate import require_migrated

        require_migrated(context.database)

    return {"health": _health, "ready": partial(_ready, Readiness(check))}


def _health(_call: object) -> Struct:
    """Answer the liveness probe, which does not depend on other services."""
    return HealthResponse()


def _ready(readiness: Readiness, _call: object) -> Struct | Response:
    problem = readiness.problem()
    if problem is None:
        return ReadyResponse()
    response = json_response({"detail": problem}, 503)
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


class Readiness:
    """Runs one check at a time and caches its result for all probes.

    `check` raises an OgdcError if the service is not ready. It runs in its own thread, so that a database
    server that hangs does not block probes.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._lock = Lock()
        self._asked = 0.0
        self._answer: Future[str | None] | None = None
        self._known: str | None = None

    def problem(self) -> str | None:
        """The reason why the service is not ready; None if it is."""
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
            pass  # busy with requests, which see the database's state themselves
        except OgdcError as exc:
            problem, cause = str(exc), f" ({exc.__cause__})" if exc.__cause__ else ""
        except Exception:
            _log.exception("the readiness check failed")
            problem = "Internal error; the service's log says more."
        if problem != self._known:
            # The cause, such as a wrong password, is only for the operator.
            _log.warning("not ready: %s%s", problem, cause) if problem else _log.info("ready again")
        self._known = problem
        answer.set_result(problem)
