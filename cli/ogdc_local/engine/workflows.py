"""The workflows under way: taken up from the store, decided on by their flows, recorded, left.

Whatever goes wrong with one workflow ends that workflow as Error, for good, and no other: an error that
nobody expected is caught where the work for one workflow is called (`contained`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from ogdc_local.engine.faults import reason_of
from ogdc_local.engine.flow import Flow
from ogdc_local.engine.helpers import Helpers
from ogdc_local.engine.instances import Attempt, PodResult
from ogdc_local.engine.manifest import read_program
from ogdc_local.engine.pod_runner import PodRunner
from ogdc_local.engine.pods import Pods
from ogdc_local.engine.program import Program
from ogdc_local.engine.records import Saved
from ogdc_local.engine.running_pod import TOO_LONG, RunningPod
from ogdc_local.engine.store import Store, is_away
from ogdc_shared.errors import OgdcError

_LOG = logging.getLogger(__name__)

_T = TypeVar("_T")


class Workflows:
    """The workflows that have not ended; the scheduler's thread alone calls this."""

    def __init__(
        self, *, store: Store, pods: Pods, runner: PodRunner, helpers: Helpers, claims: Collection[str]
    ) -> None:
        """There are none before `refresh`.

        Args:
            store: The state.
            pods: The pods' directories on this machine.
            runner: Has the pods that run.
            helpers: Do what may take long.
            claims: Names of the volume claims there are.
        """
        self._store = store
        self._pods = pods
        self._runner = runner
        self._helpers = helpers
        self._claims = claims
        self._flows: dict[str, Flow] = {}
        """By uid."""
        self._turns: list[str] = []
        """Uids, in the order of whose turn it is."""
        self._due: dict[str, float] = {}
        """Uid → when time demands something next, in seconds since 1970; of those where it does."""
        self._touched: set[Flow] = set()
        """Decided something that is not on disk yet, or were told something."""
        self._decided = False
        """Whether any of them has decided something."""
        self._dropped: set[str] = set()
        """Uids of deleted workflows of which something still runs."""
        self._given_up: dict[str, str] = {}
        """Uid → why; not recorded yet."""
        self._unread: set[str] = set()
        """Uids of workflows that changed in the store, which could not be read."""

    def contained(self, uid: str, work: Callable[..., _T], *arguments: object) -> _T | None:
        """Do something for one workflow; where that fails by a fault, the workflow is given up."""
        try:
            return work(*arguments)
        except Exception as exc:
            self._give_up(uid, exc)
            return None

    # --- from the store -------------------------------------------------------------------------------------

    def refresh(self, uid: str, program: Program | None = None) -> None:
        """Take up what the store says of a workflow.

        Args:
            uid: The workflow's.
            program: What its manifest says, where that was read already.
        """
        try:
            saved = self._store.load(uid)
        except Exception as exc:
            if not is_away(exc):
                self._give_up(uid, exc)
                return
            _LOG.warning("Workflow %s cannot be read now: %s", uid, exc)
            self._unread.add(uid)
            return
        if saved is not None:
            self.contained(uid, self._update, saved, program)

    def _update(self, saved: Saved, program: Program | None) -> None:
        now = time.time()
        flow = self._flows.get(saved.uid) or self._adopt(saved, program, now)
        if saved.shutdown:
            flow.stop(f"Stopped with strategy '{saved.shutdown}'", now)
            self._touch(flow)
            reason = f"workflow shutdown with strategy:  {saved.shutdown}"
            self._runner.stop_pods(reason, now, of=flow)

    def _adopt(self, saved: Saved, program: Program | None, now: float) -> Flow:
        program = program or read_program(saved.manifest, claims=self._claims)
        flow = Flow(
            program,
            uid=saved.uid,
            namespace=saved.namespace,
            head=saved.head,
            nodes=saved.nodes,
            now=now,
        )
        self._flows[saved.uid] = flow
        self._turns.append(saved.uid)
        self._touch(flow)
        return flow

    # --- decisions ------------------------------------------------------------------------------------------

    def turns(self) -> list[str]:
        """Uids, in the order of whose turn it is."""
        return [*self._turns]

    def take(self, uid: str, now: float) -> tuple[Flow, Attempt] | None:
        """What a workflow starts next, which it is the last to do again; None: nothing, for now."""
        flow = self._flows[uid]
        attempt = self.contained(uid, flow.take, now)
        if attempt is None:
            return None
        self._turns.remove(uid)
        self._turns.append(uid)
        self._touch(flow)
        return flow, attempt

    def report(self, pod: RunningPod, progress: str) -> None:
        """Note how far a pod is."""
        if pod.uid in self._flows and pod.flow.report(pod.attempt, progress):
            self._touched.add(pod.flow)

    def finish(self, pod: RunningPod, result: PodResult) -> None:
        """Note how a pod ended, and decide what that means for its workflow."""
        if pod.uid not in self._flows:
            self._clear_when_gone(pod.uid, pod.flow.program.name)
            return
        pod.flow.finish(pod.attempt, result, time.time())
        self._touch(pod.flow)

    def check_times(self, now: float) -> None:
        """Let workflows do what time demands, and read those that could not be read."""
        for uid in [uid for uid, at in self._due.items() if at <= now]:
            self.contained(uid, self._check_flow, self._flows[uid], now)
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
        """Note that a workflow has decided something."""
        self._touched.add(flow)
        self._decided = True

    def _note_times(self, flow: Flow) -> None:
        """Note when a workflow is to be checked next: looking at all of them in each pass would not scale."""
        times = [at for at in (flow.deadline, flow.wakes_at) if at is not None]
        if times and not flow.over:
            self._due[flow.uid] = min(times)
        else:
            self._due.pop(flow.uid, None)

    def times(self, retry_at: float) -> Iterator[float]:
        """When `check_times` or `record` has something to do, in seconds since 1970.

        Args:
            retry_at: When what the disk did not take or give is tried again.
        """
        yield from self._due.values()
        if self._unread or self._given_up:
            yield retry_at

    # --- to the store ---------------------------------------------------------------------------------------

    def record(self) -> None:
        """Commit what was decided.

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
        """Record what flows decided together; where one's cannot be recorded, the others' still is."""
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
        """Once they are recorded: let go of those that ended. Returns whether any did."""
        ended = [flow for flow in self._touched if flow.over and flow.uid in self._flows]
        for flow in ended:
            del self._flows[flow.uid]
            self._due.pop(flow.uid, None)
            self._turns.remove(flow.uid)
            self._helpers.run(self._pods.finished, flow.program.name)
        self._touched.clear()
        self._decided = False
        return bool(ended)

    # --- leaving --------------------------------------------------------------------------------------------

    def drop(self, uid: str, name: str) -> None:
        """Stop what runs of a workflow that was deleted; nothing of it is recorded any more."""
        self._dropped.add(uid)
        self._leave(uid, "deleted")
        self._clear_when_gone(uid, name)

    def _give_up(self, uid: str, error: Exception) -> None:
        """End a workflow that the engine cannot go on with."""
        reason = reason_of(error)
        if not isinstance(error, OgdcError):
            _LOG.error("Workflow %s cannot go on.", uid, exc_info=error)
        if uid not in self._dropped:
            self._given_up[uid] = reason
        self._leave(uid, reason)

    def _leave(self, uid: str, reason: str) -> None:
        """Do nothing more for a workflow, and stop what runs of it."""
        flow = self._flows.pop(uid, None)
        if flow is None:
            return
        self._due.pop(uid, None)
        self._turns.remove(uid)
        self._touched.discard(flow)
        self._runner.drop_begun(flow)
        self._runner.stop_pods(reason, time.time(), of=flow)

    def _clear_when_gone(self, uid: str, name: str) -> None:
        """Once nothing of a workflow runs, remove its files, but not those of one named again.

        Of one that was deleted all of them, else what only a running one needs.
        """
        flows = [*self._flows.values(), *(pod.flow for pod in self._runner.pods())]
        if not any(flow.program.name == name for flow in flows):
            self._helpers.run(self._pods.forget if uid in self._dropped else self._pods.finished, name)
            self._dropped.discard(uid)
