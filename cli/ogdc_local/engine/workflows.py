"""The unfinished workflows: loading them from the store, deciding by their flows, recording, removing.

An error in one workflow ends that workflow as Error and affects no other. Unexpected errors are caught where
the work for one workflow is called (`contained`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from math import inf
from typing import TypeVar

from ogdc_local.engine.faults import reason_of
from ogdc_local.engine.flow import Flow
from ogdc_local.engine.helpers import Helpers
from ogdc_local.engine.instances import Attempt, PodResult
from ogdc_local.engine.manifest import read_program
from ogdc_local.engine.pod_runner import PodRunner
from ogdc_local.engine.pods import Pods
from ogdc_local.engine.records import Saved
from ogdc_local.engine.running_pod import TOO_LONG, RunningPod
from ogdc_local.engine.store import Store, is_away
from ogdc_shared.errors import OgdcError

_LOG = logging.getLogger(__name__)

_T = TypeVar("_T")


class Workflows:
    """The workflows that have not ended; used only by the scheduler's thread."""

    def __init__(
        self, *, store: Store, pods: Pods, runner: PodRunner, helpers: Helpers, claims: Collection[str]
    ) -> None:
        """Store the arguments; `refresh` adds workflows.

        Args:
            store: The state.
            pods: The pods' directories on this machine.
            runner: Runs the pods.
            helpers: Threads for slow work.
            claims: Names of the volume claims.
        """
        self._store = store
        self._pods = pods
        self._runner = runner
        self._helpers = helpers
        self._claims = claims
        self._flows: dict[str, Flow] = {}
        """By uid."""
        self._turns: list[str] = []
        """Uids in the order in which they may start a pod."""
        self._due: dict[str, float] = {}
        """Uid → when the workflow has to be checked next, in seconds since 1970; only those that have to
        be."""
        self._first_due = inf
        """No time in `_due` is before this one."""
        self._touched: set[Flow] = set()
        """Workflows with unrecorded decisions or progress."""
        self._decided = False
        """Whether any of them has made a decision, not only progress."""
        self._dropped: set[str] = set()
        """Uids of deleted workflows with pods that still run."""
        self._given_up: dict[str, str] = {}
        """Uid → reason, of failed workflows that are not recorded yet."""
        self._unread: set[str] = set()
        """Uids of workflows that changed in the store but could not be read."""

    def contained(self, uid: str, work: Callable[..., _T], *arguments: object) -> _T | None:
        """Do something for one workflow; an unexpected error ends that workflow."""
        try:
            return work(*arguments)
        except Exception as exc:
            self._give_up(uid, exc)
            return None

    # --- loading --------------------------------------------------------------------------------------------

    def refresh(self, uid: str, new: Flow | None = None) -> None:
        """Load a new or changed workflow from the store.

        Args:
            uid: The workflow's uid.
            new: Its recorded flow, if it was just created.
        """
        try:
            if new is not None and uid not in self._flows and self._store.goes_on(uid):
                self._add(new)
                return
            saved = self._store.load(uid)
        except Exception as exc:
            if not is_away(exc):
                self._give_up(uid, exc)
                return
            _LOG.warning("Workflow %s cannot be read now: %s", uid, exc)
            self._unread.add(uid)
            return
        if saved is not None:
            self.contained(uid, self._update, saved)

    def _update(self, saved: Saved) -> None:
        now = time.time()
        flow = self._flows.get(saved.uid) or self._adopt(saved, now)
        if saved.shutdown:
            flow.stop(f"Stopped with strategy '{saved.shutdown}'", now)
            self._touch(flow)
            reason = f"workflow shutdown with strategy:  {saved.shutdown}"
            self._runner.stop_pods(reason, now, of=flow)

    def _adopt(self, saved: Saved, now: float) -> Flow:
        flow = Flow(
            read_program(saved.manifest, claims=self._claims),
            uid=saved.uid,
            namespace=saved.namespace,
            head=saved.head,
            nodes=saved.nodes,
            now=now,
        )
        self._add(flow)
        self._touch(flow)
        return flow

    def _add(self, flow: Flow) -> None:
        self._flows[flow.uid] = flow
        self._turns.append(flow.uid)

    # --- decisions ------------------------------------------------------------------------------------------

    def turns(self) -> list[str]:
        """Return uids in the order in which they may start a pod."""
        return [*self._turns]

    def take(self, uid: str, now: float) -> tuple[Flow, Attempt] | None:
        """Start a workflow's next pod and move it to the end of the order; None if it starts none now."""
        flow = self._flows[uid]
        attempt = self.contained(uid, flow.take, now)
        if attempt is None:
            return None
        self._turns.remove(uid)
        self._turns.append(uid)
        self._touch(flow)
        return flow, attempt

    def report(self, pod: RunningPod, progress: str) -> None:
        """Update a pod's progress; that of a pod that is leaving is recorded with its result."""
        if pod.uid in self._flows and pod.flow.report(pod.attempt, progress) and not pod.leaving:
            self._touched.add(pod.flow)

    def finish(self, pod: RunningPod, result: PodResult) -> None:
        """Process a pod's result, and decide what it means for its workflow."""
        if pod.uid not in self._flows:
            self._clear_when_gone(pod.uid, pod.flow.program.name)
            return
        pod.flow.finish(pod.attempt, result, time.time())
        self._touch(pod.flow)

    def check_times(self, now: float) -> None:
        """Handle deadlines and retries that are due, and load the workflows that could not be read."""
        if now >= self._first_due:
            for uid in [uid for uid, at in self._due.items() if at <= now]:
                self.contained(uid, self._check_flow, self._flows[uid], now)
            self._first_due = min(self._due.values(), default=inf)
        for uid in [*self._unread]:
            self._unread.discard(uid)
            self.refresh(uid)

    def _check_flow(self, flow: Flow, now: float) -> None:
        flow.wake(now)
        if flow.deadline is not None and now >= flow.deadline:
            flow.stop(f"Workflow exceeded its deadline of {flow.program.deadline} s", now)
            self._touch(flow)
            self._runner.stop_pods(TOO_LONG, now, of=flow)
        self._note_times(flow)

    def _touch(self, flow: Flow) -> None:
        """Mark a workflow as having made a decision."""
        self._touched.add(flow)
        self._decided = True

    def _note_times(self, flow: Flow) -> None:
        """Set when a workflow is checked next, since checking all of them in each pass would not scale."""
        times = [at for at in (flow.deadline, flow.wakes_at) if at is not None]
        if times and not flow.over:
            self._due[flow.uid] = min(times)
            self._first_due = min(self._first_due, *times)
        else:
            self._due.pop(flow.uid, None)

    def times(self, retry_at: float) -> Iterator[float]:
        """Yield when `check_times` or `record` has something to do, in seconds since 1970.

        Args:
            retry_at: When to repeat a failed access to the disk.
        """
        yield self._first_due
        if self._unread or self._given_up:
            yield retry_at

    # --- recording ------------------------------------------------------------------------------------------

    def record(self) -> None:
        """Record all decisions.

        Raises:
            sqlite3.Error: the state cannot be written, so nothing may be acted on yet.
        """
        for flow in [*self._touched]:
            self.contained(flow.uid, self._note_times, flow)
        self._record([*self._touched])
        for uid, reason in [*self._given_up.items()]:
            self._store.give_up(uid, reason)
            del self._given_up[uid]

    def _record(self, flows: list[Flow]) -> None:
        """Record the decisions of several flows; if one of them cannot be recorded, the others still are."""
        try:
            changes = [change for flow in flows if (change := flow.changes()) is not None]
            if changes:
                self._store.save(changes, lasting=self._decided)
        except Exception as exc:
            if is_away(exc):
                raise
            if len(flows) == 1:
                self._give_up(flows[0].uid, exc)
            else:
                for flow in flows:
                    self._record([flow])
            return
        for flow in flows:
            flow.recorded()

    def remove_ended(self) -> bool:
        """Remove the workflows that have ended, once that is recorded; returns whether there were any."""
        ended = [flow for flow in self._touched if flow.over and flow.uid in self._flows]
        for flow in ended:
            del self._flows[flow.uid]
            self._due.pop(flow.uid, None)
            self._turns.remove(flow.uid)
            self._helpers.run(self._pods.finished, flow.program.name)
        self._touched.clear()
        self._decided = False
        return bool(ended)

    # --- removing -------------------------------------------------------------------------------------------

    def drop(self, uid: str, name: str) -> None:
        """Stop the pods of a deleted workflow; nothing more is recorded about it."""
        self._dropped.add(uid)
        self._leave(uid, "deleted")
        self._clear_when_gone(uid, name)

    def _give_up(self, uid: str, error: Exception) -> None:
        """End a workflow that failed by an error of the engine."""
        reason = reason_of(error)
        if not isinstance(error, OgdcError):
            _LOG.error("Workflow %s cannot go on.", uid, exc_info=error)
        if uid not in self._dropped:
            self._given_up[uid] = reason
        self._leave(uid, reason)

    def _leave(self, uid: str, reason: str) -> None:
        """Remove a workflow from the schedule, and stop its pods."""
        flow = self._flows.pop(uid, None)
        if flow is None:
            return
        self._due.pop(uid, None)
        self._turns.remove(uid)
        self._touched.discard(flow)
        self._runner.drop_begun(flow)
        self._runner.stop_pods(reason, time.time(), of=flow)

    def _clear_when_gone(self, uid: str, name: str) -> None:
        """Remove a workflow's files once none of its pods runs, unless a new workflow has its name.

        If it was deleted, all files are removed, otherwise those that only a running workflow needs.
        """
        flows = [*self._flows.values(), *(pod.flow for pod in self._runner.pods())]
        if not any(flow.program.name == name for flow in flows):
            self._helpers.run(self._pods.forget if uid in self._dropped else self._pods.finished, name)
            self._dropped.discard(uid)
