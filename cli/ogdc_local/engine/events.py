"""Reports every change to argo_events, as Knative's ApiServerSource in Resource mode does on a cluster.

An event carries the whole object at its latest version, so changes in quick succession become one event. A
delivery is retried until it succeeds. After a restart all objects are sent again, as `add`.

Source: knative/eventing pkg/adapter/apiserver/events (types, subject, extensions) and
pkg/kncloudevents/retries.go (which responses are retried); CloudEvents HTTP binding 1.0 section 3.1 (binary
mode).
"""

from __future__ import annotations

import http.client
import logging
import threading
import time
import uuid
from math import inf
from typing import NamedTuple
from urllib.parse import urlsplit

from ogdc_local.engine.nodes import timestamp
from ogdc_local.engine.store import Change, Store, is_away

_LOG = logging.getLogger(__name__)
_TYPE = "dev.knative.apiserver.resource"
_KINDS = {Change.MADE: "add", Change.DELETED: "delete"}
_RETRIED = frozenset({404, 408, 409, 429})
_TIMEOUT_SECONDS = 10.0
_FIRST_RETRY_SECONDS, _MAX_RETRY_SECONDS = 0.1, 5.0
_PAUSE_FACTOR = 40
"""After a delivery that took t, the next one of the same workflow waits this many times t …"""
_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.05, 5.0
"""… within these bounds, so that events of large workflows take at most a fortieth of a core."""
_MAX_FIRST_PAUSE_SECONDS = 0.5
"""Maximum pause after the first event of a workflow, since the next one says that it is running."""


class _Due(NamedTuple):
    """A workflow with a change to report."""

    kind: str
    """add, update or delete."""
    urgent: bool
    """Whether to skip the pause after the previous event."""
    failures: int = 0
    retry_at: float = 0.0
    """In monotonic seconds."""

    def merged(self, later: _Due) -> _Due:
        """Combine two changes to one event: an unsent add remains an add, unless the workflow was deleted."""
        kind = self.kind if later.kind == "update" else later.kind
        return self._replace(kind=kind, urgent=self.urgent or later.urgent)


class EventSender:
    """A thread that posts events to one URL."""

    def __init__(self, store: Store, *, url: str, namespace: str, token: str | None = None) -> None:
        """Store the arguments; nothing is sent before `start`.

        Args:
            store: Has the objects.
            url: Receives the events by POST.
            namespace: Namespace of the workflows.
            token: Bearer token for the receiver, or None.
        """
        self._store = store
        self._authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._target = urlsplit(url)
        self._namespace = namespace
        self._due: dict[str, _Due] = {}
        """By uid."""
        self._not_before: dict[str, float] = {}
        self._wakes_at = inf
        """When the thread wakes by itself, in monotonic seconds."""
        self._sending = False
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ogdc-engine-events", daemon=True)

    def start(self) -> None:
        """Send all existing objects, then every change."""
        for uid in self._store.uids():
            self.notify(uid, Change.MADE)
        for uid in self._store.deleted():
            self.notify(uid, Change.DELETED)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; undelivered events are sent again at the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def idle(self) -> bool:
        """Whether everything has been delivered."""
        with self._changed:
            return not self._due and not self._sending

    def notify(self, uid: str, change: Change) -> None:
        """Queue an event about a changed workflow; thread-safe."""
        due = _Due(_KINDS.get(change, "update"), urgent=change is not Change.WENT_ON)
        with self._changed:
            self._due[uid] = self._due[uid].merged(due) if uid in self._due else due
            if self._ready_at(uid) < self._wakes_at:
                self._changed.notify()

    def _run(self) -> None:
        while (task := self._next()) is not None:
            uid, due = task
            started = time.monotonic()
            taken = self._try(uid, due.kind)
            now = time.monotonic()
            with self._changed:
                self._sending = False
                if not taken:
                    self._put_off(uid, due, now)
                elif due.kind == "delete":
                    self._not_before.pop(uid, None)
                else:
                    longest = _MAX_FIRST_PAUSE_SECONDS if due.kind == "add" else _MAX_PAUSE_SECONDS
                    pause = max((now - started) * _PAUSE_FACTOR, _MIN_PAUSE_SECONDS)
                    self._not_before[uid] = now + min(pause, longest)

    def _next(self) -> tuple[str, _Due] | None:
        """Wait for the next workflow that is due, and take it; None if the thread has to stop."""
        with self._changed:
            while not self._stopping:
                uid = min(self._due, key=self._ready_at, default=None)
                wait = None if uid is None else self._ready_at(uid) - time.monotonic()
                if uid is not None and wait is not None and wait <= 0:
                    self._sending = True
                    return uid, self._due.pop(uid)
                self._wakes_at = inf if uid is None else self._ready_at(uid)
                self._changed.wait(wait)
            return None

    def _ready_at(self, uid: str) -> float:
        due = self._due[uid]
        return max(due.retry_at, 0.0 if due.urgent else self._not_before.get(uid, 0.0))

    def _put_off(self, uid: str, due: _Due, now: float) -> None:
        wait = min(_FIRST_RETRY_SECONDS * 2 ** min(due.failures, 16), _MAX_RETRY_SECONDS)
        again = due._replace(failures=due.failures + 1, retry_at=now + wait)
        self._due[uid] = again.merged(self._due[uid]) if uid in self._due else again

    def _try(self, uid: str, kind: str) -> bool:
        """Call `_deliver`; an event that cannot be created does not block others."""
        try:
            return self._deliver(uid, kind)
        except Exception as exc:
            _LOG.exception("The event about workflow %s (%s) cannot be made.", uid, kind)
            return not is_away(exc)

    def _deliver(self, uid: str, kind: str) -> bool:
        """Send one event; True if it was delivered, was rejected permanently, or is no longer needed."""
        found = self._store.deleted_object(uid) if kind == "delete" else self._store.object(uid)
        if found is None:
            return True
        name, body = found
        status = self._post(body.encode(), kind=kind, name=name)
        if status is None or status >= 500 or status in _RETRIED:
            return False
        if not 200 <= status < 300:
            _LOG.error("The event about workflow %s (%s) was refused for good: HTTP %s.", name, kind, status)
        if kind == "delete":
            self._store.forget_deletion(uid)
        return True

    def _post(self, body: bytes, *, kind: str, name: str) -> int | None:
        """Send a POST and return the HTTP status; None if there was no response."""
        connection = http.client.HTTPConnection(
            self._target.hostname or "localhost", self._target.port, timeout=_TIMEOUT_SECONDS
        )
        try:
            connection.request("POST", self._target.path or "/", body, self._headers(kind, name))
            with connection.getresponse() as answer:
                answer.read()
                return answer.status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _headers(self, kind: str, name: str) -> dict[str, str]:
        return self._authorization | {
            "Content-Type": "application/json",
            "Ce-Specversion": "1.0",
            "Ce-Id": str(uuid.uuid4()),
            "Ce-Type": f"{_TYPE}.{kind}",
            "Ce-Source": f"/ogdc-runner/engine/{self._namespace}",
            "Ce-Subject": f"/apis/argoproj.io/v1alpha1/namespaces/{self._namespace}/workflows/{name}",
            "Ce-Time": timestamp(time.time()),
            "Ce-Kind": "Workflow",
            "Ce-Name": name,
            "Ce-Namespace": self._namespace,
            "Ce-Apiversion": "argoproj.io/v1alpha1",
        }
