"""The engine's scheduler: a single thread that makes all decisions and starts all containers.

A pass executes the calls in the inbox, lets the workflows decide, commits all decisions in one transaction,
and only then acts on them. `pod_runner` has the running pods, `workflows` the decisions.
"""

from __future__ import annotations

import logging
import selectors
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from functools import partial

from ogdc_local.engine.flow import Flow
from ogdc_local.engine.helpers import Helpers
from ogdc_local.engine.inbox import Inbox
from ogdc_local.engine.instances import PodResult
from ogdc_local.engine.pod_runner import PodRunner
from ogdc_local.engine.pods import Pods
from ogdc_local.engine.running_pod import RunningPod
from ogdc_local.engine.store import Store
from ogdc_local.engine.workflows import Workflows
from ogdc_local.sandbox import Sandbox

_LOG = logging.getLogger(__name__)
_PROGRESS_SECONDS = 0.5
_IDLE_SECONDS = 60.0
_DISK_SECONDS = 1.0
_MAX_PAUSE = 2.0


class Scheduler:
    """Runs workflows; each pod starts when it is its turn."""

    def __init__(
        self, *, store: Store, pods: Pods, sandbox: Sandbox, slots: int, claims: Collection[str]
    ) -> None:
        """Store the arguments; nothing runs before `start`.

        Args:
            store: The state.
            pods: The pods' directories on this machine.
            sandbox: Runs the containers.
            slots: Maximum number of concurrent pods, over all workflows.
            claims: Names of the volume claims.
        """
        self._store = store
        self._pods = pods
        self._slots = slots if sandbox.slots is None else min(slots, sandbox.slots)
        self._pause = _DISK_SECONDS
        self._inbox = Inbox()
        self._helpers = Helpers()
        self._selector = selectors.DefaultSelector()
        self._runner = PodRunner(
            pods=pods,
            sandbox=sandbox,
            selector=self._selector,
            helpers=self._helpers,
            post=self._post,
            post_call=self._inbox.post,
            on_progress=self._on_progress,
            on_end=self._on_end,
        )
        self._workflows = Workflows(
            store=store, pods=pods, runner=self._runner, helpers=self._helpers, claims=claims
        )
        self._next_progress = 0.0
        self._next_expiry: float | None = 0.0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ogdc-engine", daemon=True)

    def start(self) -> None:
        """Resume all unfinished workflows and start the thread."""
        self._selector.register(self._inbox, selectors.EVENT_READ)
        for uid in self._store.unfinished():
            self.notice(uid)
        self._runner.start()
        self._thread.start()

    def stop(self) -> None:
        """Kill all containers and end the thread; workflows continue at the next start."""
        if self._stopping:
            return
        self._stopping = True
        self._inbox.wake()
        if self._thread.is_alive():
            self._thread.join()
        self._runner.stop()
        self._selector.close()
        self._inbox.close()

    @property
    def alive(self) -> bool:
        """Whether the thread is running."""
        return self._thread.is_alive() and not self._stopping

    # --- called from any thread -----------------------------------------------------------------------------

    def notice(self, uid: str, flow: Flow | None = None) -> None:
        """Report that a workflow was created, retried or shut down; a new one with its recorded flow."""
        self._inbox.post(partial(self._workflows.refresh, uid, flow))

    def forget(self, uid: str, name: str) -> None:
        """Report that a workflow was deleted."""
        self._inbox.post(partial(self._workflows.drop, uid, name))

    def stop_pods(self, reason: str) -> bool:
        """Make all running pods fail with `reason`; returns whether any runs."""
        self._inbox.post(lambda: self._runner.stop_pods(reason, time.time()))
        return self._runner.runs()

    def _post(self, pod: RunningPod, work: Callable[..., None], *arguments: object) -> None:
        """Schedule a call on behalf of a pod's workflow in the scheduler's thread."""
        self._inbox.post(partial(self._workflows.contained, pod.uid, work, *arguments))

    # --- called by the pod runner ---------------------------------------------------------------------------

    def _on_progress(self, pod: RunningPod, progress: str) -> None:
        self._workflows.report(pod, progress)

    def _on_end(self, pod: RunningPod, result: PodResult) -> None:
        self._workflows.finish(pod, result)

    # --- the pass -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._go_on()
        finally:
            self._runner.kill_all()

    def _go_on(self) -> None:
        try:
            self._selector.select(max(0.0, self._next_event() - time.time()))
            self._pass()
        except Exception:
            _LOG.exception("The engine's scheduler failed; it goes on in %s s.", self._pause)
            self._rest()

    def _rest(self) -> None:
        """Pause, longer each time, because the problem may be temporary, such as a full disk."""
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, _MAX_PAUSE)

    def _pass(self) -> None:
        for pod in self._runner.pods():
            self._workflows.contained(pod.uid, self._runner.reap, pod)
        for call in self._inbox.take():
            call()
        now = time.time()
        self._check_times(now)
        self._fill_slots(now)
        if self._commit():
            self._runner.prepare_begun()
            if self._workflows.remove_ended():
                self._next_expiry = 0.0

    def _fill_slots(self, now: float) -> None:
        """Fill free slots: first for workflows with the fewest pods, and among those in turn."""
        held = self._runner.slots_held()
        waiting = self._workflows.turns() if held.total() < self._slots else []
        while waiting and held.total() < self._slots:
            uid = min(waiting, key=held.__getitem__)
            waiting.remove(uid)
            if taken := self._workflows.take(uid, now):
                self._runner.begin(*taken, now)
                waiting.append(uid)
                held[uid] += 1

    def _commit(self) -> bool:
        """Record the decisions; False if that failed, so that they must not be acted on yet."""
        try:
            self._workflows.record()
        except sqlite3.Error:
            _LOG.exception("The engine's state cannot be written; trying again in %s s.", self._pause)
            self._rest()
            return False
        self._pause = _DISK_SECONDS
        return True

    # --- times ----------------------------------------------------------------------------------------------

    def _next_event(self) -> float:
        """Return when something has to be done even without an event, in seconds since 1970."""
        now = time.time()
        times = [now + _IDLE_SECONDS]
        times += self._workflows.times(now + self._pause)
        times += self._runner.times(now, self._next_progress)
        if self._next_expiry is not None:
            times.append(self._next_expiry)
        return min(times)

    def _check_times(self, now: float) -> None:
        self._workflows.check_times(now)
        for pod in self._runner.pods():
            pod.check_times(now)
        self._runner.begin_ahead(now)
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_SECONDS
            for pod in self._runner.pods():
                self._workflows.contained(pod.uid, self._runner.report_progress, pod)
        if self._next_expiry is not None and now >= self._next_expiry:
            self._expire(now)

    def _expire(self, now: float) -> None:
        """Delete the workflows that have expired."""
        try:
            for name in self._store.expired(now):
                self._store.delete(name)
                self._helpers.run(self._pods.forget, name)
            self._next_expiry = self._store.next_expiry()
        except sqlite3.Error:
            _LOG.exception("Workflows whose time is over cannot be deleted; trying again later.")
            self._next_expiry = now + _IDLE_SECONDS
