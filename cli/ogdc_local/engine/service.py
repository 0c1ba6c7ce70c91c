"""The engine's interface to the stack: start, API, stop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ogdc_local.engine.api import Api
from ogdc_local.engine.egress_socket import EgressSocket
from ogdc_local.engine.events import EventSender
from ogdc_local.engine.fetching import NOTHING_BESIDES, Fetching, no_secret
from ogdc_local.engine.pods import Pods
from ogdc_local.engine.scheduler import Scheduler
from ogdc_local.engine.store import Change, Store
from ogdc_local.sandbox import Sandbox
from ogdc_shared.storage.directory import DirectoryStore

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LOG_LIMIT = 1024**3


class Engine:
    """Executes Argo Workflows on this machine and offers the Argo Server's REST API.

    The constructor raises ConfigurationError if the state was written by an incompatible version.
    """

    def __init__(
        self,
        *,
        store_path: Path,
        artifact_dir: Path,
        volumes: Mapping[str, Path],
        log_dir: Path,
        log_limit: int = LOG_LIMIT,
        events_url: str | None,
        namespace: str,
        slots: int,
        sandbox: Sandbox,
        events_token: str | None = None,
        egress: Callable[[tuple[str, ...]], EgressSocket] | None = None,
        fetching: Fetching = NOTHING_BESIDES,
        secret: Callable[[str], Mapping[str, str]] = no_secret,
        on_forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open the state; nothing runs before `start`.

        Args:
            store_path: The SQLite file; `tasks` beside it is the directory for running pods.
            artifact_dir: Root of the artifact store.
            volumes: Volume claim → directory.
            log_dir: Directory for the workflows' logs.
            log_limit: Size limit of a pod's log, in bytes.
            events_url: URL that receives a CloudEvent for every change, or None to send no events.
            namespace: The only namespace served.
            slots: Maximum number of concurrent pods.
            sandbox: Runs the containers (see `sandbox.probe`).
            events_token: Bearer token for the receiver of events, or None.
            egress: Returns the commands' way to the network, given the non-public addresses allowed, or None.
            fetching: What containers that fetch inputs get in addition.
            secret: Returns the variables of a secret, given its name.
            on_forget: Called with the name of a deleted workflow, once none of its pods runs.
        """
        for directory in (store_path.parent, *volumes.values()):
            directory.mkdir(parents=True, exist_ok=True)
        self._sandbox = sandbox
        self._scratch = store_path.with_name("tasks").resolve()
        self._store = Store(store_path, on_change=self._on_change)
        self._pods = Pods(
            store=DirectoryStore(artifact_dir),
            volumes=volumes,
            log_dir=log_dir,
            log_limit=log_limit,
            scratch=self._scratch,
            owner=sandbox.owner,
            egress=egress,
            fetching=fetching,
            secret=secret,
            on_forget=on_forget,
        )
        self._scheduler = Scheduler(
            store=self._store, pods=self._pods, sandbox=sandbox, slots=slots, claims=frozenset(volumes)
        )
        self._events: EventSender | None = None
        if events_url is not None:
            self._events = EventSender(self._store, url=events_url, namespace=namespace, token=events_token)
        self._api = self._new_api(namespace, frozenset(volumes))

    def _new_api(self, namespace: str, claims: Collection[str]) -> Api:
        return Api(
            store=self._store,
            pods=self._pods,
            namespace=namespace,
            claims=claims,
            notice=self._scheduler.notice,
            forget=self._scheduler.forget,
            ready=lambda: self._scheduler.alive,
        )

    @property
    def wsgi(self) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
        """The REST API, under `/api/v1/workflows/{namespace}`."""
        return self._api

    def start(self) -> None:
        """Resume all unfinished workflows; call it once."""
        self._sandbox.clean(self._scratch)
        self._pods.clean(self._store.names())
        self._scheduler.start()
        if self._events is not None:
            self._events.start()

    def stop(self) -> None:
        """End all tasks and threads, for good; a new engine resumes unfinished workflows."""
        self._scheduler.stop()
        self._sandbox.clean(self._scratch)
        if self._events is not None:
            self._events.stop()
        self._store.close()

    def stop_tasks(self, reason: str) -> bool:
        """Make all running tasks fail with `reason`; returns whether there are any."""
        return self._scheduler.stop_pods(reason)

    @property
    def alive(self) -> bool:
        """Whether the scheduler is running; False before `start` and after a crash."""
        return self._scheduler.alive

    def busy(self) -> bool:
        """Whether a workflow is unfinished, or an event undelivered."""
        return bool(self._store.unfinished()) or (self._events is not None and not self._events.idle)

    def _on_change(self, uid: str, change: Change) -> None:
        if self._events is not None:
            self._events.notify(uid, change)
