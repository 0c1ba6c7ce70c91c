"""The one thread that decides and starts.

A pass takes in what happened, lets the flows decide, commits all of it in one transaction, and only then
acts. A pod dies with the thread that started it (PR_SET_PDEATHSIG is about the thread), so every container is
started here, and what may take long (staging, storing outputs) is done by two helper threads.

Whatever goes wrong with one workflow ends that workflow as Error, for good, and no other: an error that
nobody expected is caught where the work for one workflow, or for one pod, is called.
"""

from __future__ import annotations

import logging
import selectors
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from ogdc_local.engine.flow import Flow
from ogdc_local.engine.guard import Excess, Guard, Subject, out_of_memory, too_many_processes
from ogdc_local.engine.inbox import Inbox
from ogdc_local.engine.instances import Attempt, PodResult
from ogdc_local.engine.manifest import read_program
from ogdc_local.engine.output import Output
from ogdc_local.engine.pods import Pods, Prepared
from ogdc_local.engine.records import Saved
from ogdc_local.engine.store import Store, is_away
from ogdc_local.sandbox import Exit, Phases, Sandbox
from ogdc_shared.errors import InputError, OgdcError
from ogdc_shared.phases import Phase

_LOG = logging.getLogger(__name__)
_PROGRESS_SECONDS = 0.5
_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.05
_IDLE_SECONDS = 60.0
_DISK_SECONDS = 1.0
_MAX_PAUSE = 2.0
_HELPERS = 2
_TOO_LONG = "Step exceeded its deadline"

_T = TypeVar("_T")


class _Pod:
    """A pod between its beginning and its end."""

    def __init__(self, flow: Flow, attempt: Attempt, now: float) -> None:
        self.flow = flow
        self.attempt = attempt
        self.prepared: Prepared | None = None
        """From when it can be started to when it is."""
        self.task: Phases | None = None
        """While its containers run."""
        self.watched: tuple[int, int] | None = None
        """Which of them it watches, and its descriptor in the selector."""
        self.output: Output | None = None
        """What its container prints."""
        self.leaving = False
        """Whether its container has ended well, so that another may take its slot."""
        self.excess: Excess | None = None
        """What it has too much of."""
        self.reason: str | None = None
        """Why it is being stopped."""
        self.kill_at: float | None = None
        deadline = attempt.template.deadline
        self.deadline = None if deadline is None else now + deadline


class Scheduler:
    """Runs workflows, each pod when it is its turn."""

    def __init__(
        self, *, store: Store, pods: Pods, sandbox: Sandbox, slots: int, claims: Collection[str]
    ) -> None:
        """Nothing runs before `start`.

        Args:
            store: The state.
            pods: The pods' places on this machine.
            sandbox: What runs them.
            slots: Most pods at once, over all workflows.
            claims: Names of the volume claims there are.
        """
        self._store = store
        self._pods = pods
        self._sandbox = sandbox
        self._slots = slots if sandbox.slots is None else min(slots, sandbox.slots)
        self._claims = claims
        self._flows: dict[str, Flow] = {}
        """By uid."""
        self._turns: list[str] = []
        """Uids, in the order of whose turn it is."""
        self._active: set[_Pod] = set()
        self._touched: set[Flow] = set()
        self._beginning: list[_Pod] = []
        """Begun in this pass; acted on once that is on disk."""
        self._dropped: set[str] = set()
        """Uids of deleted workflows of which something still runs."""
        self._given_up: dict[str, str] = {}
        """Uid → why; not recorded yet."""
        self._unread: set[str] = set()
        """Uids of workflows that changed in the store, which could not be read."""
        self._pause = _DISK_SECONDS
        self._inbox = Inbox()
        self._guard = Guard(lambda pod, excess: self._inbox.post(partial(self._exceeded, pod, excess)))
        self._helpers = ThreadPoolExecutor(_HELPERS, thread_name_prefix="ogdc-engine-helper")
        self._selector = selectors.DefaultSelector()
        self._next_progress = 0.0
        self._next_expiry: float | None = 0.0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ogdc-engine", daemon=True)

    def start(self) -> None:
        """Go on with every unfinished workflow."""
        self._selector.register(self._inbox, selectors.EVENT_READ)
        for uid in self._store.unfinished():
            self.notice(uid)
        self._guard.start()
        self._thread.start()

    def stop(self) -> None:
        """End every container and the thread; the workflows go on at the next start."""
        if self._stopping:
            return
        self._stopping = True
        self._inbox.wake()
        if self._thread.is_alive():
            self._thread.join()
        self._guard.stop()
        self._helpers.shutdown()
        for pod in self._active:
            if pod.prepared is not None:
                pod.prepared.output.release()
        self._selector.close()
        self._inbox.close()

    @property
    def alive(self) -> bool:
        """Whether it can still do its work."""
        return self._thread.is_alive() and not self._stopping

    def notice(self, uid: str) -> None:
        """Say that a workflow was made, retried or shut down; from any thread."""
        self._inbox.post(partial(self._refresh, uid))

    def forget(self, uid: str, name: str) -> None:
        """Say that a workflow was deleted; from any thread."""
        self._inbox.post(partial(self._drop, uid, name))

    def stop_pods(self, reason: str) -> bool:
        """Have all that runs fail for a reason; from any thread. Returns whether anything runs."""
        self._inbox.post(partial(self._stop_all, reason))
        return bool(self._active)

    # --- the pass -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._go_on()
        finally:
            self._end_all()

    def _go_on(self) -> None:
        try:
            self._wait()
            self._pass()
        except Exception:
            _LOG.exception("The engine's scheduler failed; it goes on in %s s.", self._pause)
            self._rest()

    def _rest(self) -> None:
        """Wait for what may pass, such as a full disk; longer each time."""
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, _MAX_PAUSE)

    def _contained(self, uid: str, work: Callable[..., _T], *arguments: object) -> _T | None:
        """Do something for one workflow; where that fails by a fault, the workflow is given up."""
        try:
            return work(*arguments)
        except Exception as exc:
            self._give_up(uid, exc)
            return None

    def _wait(self) -> None:
        timeout = max(0.0, self._next_event() - time.time())
        self._selector.select(timeout)

    def _pass(self) -> None:
        for pod in [pod for pod in self._active if pod.task is not None]:
            self._contained(pod.flow.uid, self._reap, pod)
        for call in self._inbox.take():
            call()
        now = time.time()
        self._check_times(now)
        self._dispatch(now)
        if self._commit():
            self._act()

    def _commit(self) -> bool:
        """Record what was decided; False: the disk does not take it, so nothing may be acted on yet."""
        try:
            self._record([*self._touched])
            for uid, reason in [*self._given_up.items()]:
                self._store.give_up(uid, reason)
                del self._given_up[uid]
        except sqlite3.Error:
            _LOG.exception("The engine's state cannot be written; trying again in %s s.", self._pause)
            self._rest()
            return False
        self._pause = _DISK_SECONDS
        return True

    def _record(self, flows: list[Flow]) -> None:
        """Record what flows decided together; where one's cannot be recorded, the others' still is.

        Raises:
            sqlite3.Error: the state cannot be written.
        """
        try:
            changes = [change for flow in flows if (change := flow.changes()) is not None]
            if changes:
                self._store.save(changes)
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

    def _act(self) -> None:
        for pod in self._beginning:
            self._help(self._prepare, pod)
        self._beginning.clear()
        for flow in [flow for flow in self._touched if flow.over]:
            if self._flows.pop(flow.uid, None):
                self._turns.remove(flow.uid)
                self._help(self._pods.finished, flow.program.name)
                self._next_expiry = 0.0
        self._touched.clear()

    def _dispatch(self, now: float) -> None:
        """Fill the free slots, each for the workflow that has fewest; of those, the one whose turn it is."""
        held = Counter(pod.flow.uid for pod in self._active if not pod.leaving)
        waiting = list(self._turns)
        while waiting and held.total() < self._slots:
            uid = min(waiting, key=held.__getitem__)
            flow = self._flows[uid]
            attempt = self._contained(uid, flow.take, now)
            waiting.remove(uid)
            if attempt is None:
                continue
            waiting.append(uid)
            self._turns.remove(uid)
            self._turns.append(uid)
            held[uid] += 1
            pod = _Pod(flow, attempt, now)
            self._active.add(pod)
            self._beginning.append(pod)
            self._touched.add(flow)

    # --- workflows ------------------------------------------------------------------------------------------

    def _refresh(self, uid: str) -> None:
        """Take in what the store says of a workflow."""
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
            self._contained(uid, self._take_in, saved)

    def _take_in(self, saved: Saved) -> None:
        now = time.time()
        flow = self._flows.get(saved.uid) or self._adopt(saved, now)
        if saved.shutdown:
            flow.stop(f"Stopped with strategy '{saved.shutdown}'", now)
            self._touched.add(flow)
            self._stop_pods(flow, f"workflow shutdown with strategy:  {saved.shutdown}", now)

    def _adopt(self, saved: Saved, now: float) -> Flow:
        program = read_program(saved.manifest, claims=self._claims)
        namespace = saved.manifest["metadata"]["namespace"]
        flow = Flow(program, uid=saved.uid, namespace=namespace, head=saved.head, nodes=saved.nodes, now=now)
        self._flows[saved.uid] = flow
        self._turns.append(saved.uid)
        self._touched.add(flow)
        return flow

    def _drop(self, uid: str, name: str) -> None:
        """Stop what runs of a workflow that was deleted; nothing of it is recorded any more."""
        self._dropped.add(uid)
        self._leave(uid, "deleted")
        self._clear_when_gone(uid, name)

    def _give_up(self, uid: str, error: Exception) -> None:
        """End a workflow that the engine cannot go on with."""
        reason = _reason(error)
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
        self._turns.remove(uid)
        self._touched.discard(flow)
        for pod in [pod for pod in self._beginning if pod.flow is flow]:
            self._beginning.remove(pod)
            self._active.discard(pod)
        self._stop_pods(flow, reason, time.time())

    def _clear_when_gone(self, uid: str, name: str) -> None:
        """Once nothing of a workflow runs, remove its files, but not those of one named again.

        Of one that was deleted all of them, else what only a running one needs.
        """
        flows = [*self._flows.values(), *(pod.flow for pod in self._active)]
        if not any(flow.program.name == name for flow in flows):
            self._help(self._pods.forget if uid in self._dropped else self._pods.finished, name)
            self._dropped.discard(uid)

    # --- pods -----------------------------------------------------------------------------------------------

    def _prepare(self, pod: _Pod) -> None:
        """In a helper's thread: make a pod ready, then hand it back."""
        try:
            pod.prepared = self._pods.prepare(pod.flow.program, pod.attempt)
        except InputError as exc:  # another try would find the same
            self._post(pod, self._ended, pod, PodResult(Phase.FAILED, f"main: {exc}", 1))
        except Exception as exc:
            self._post(pod, self._ended, pod, PodResult(Phase.ERROR, _reason(exc)))
        else:
            self._post(pod, self._launch, pod, pod.prepared)

    def _post(self, pod: _Pod, work: Callable[..., None], *arguments: object) -> None:
        """From a helper's thread: have the scheduler's do something for a pod's workflow."""
        self._inbox.post(partial(self._contained, pod.flow.uid, work, *arguments))

    def _launch(self, pod: _Pod, prepared: Prepared) -> None:
        pod.prepared = None
        try:
            if pod.reason is not None:
                self._ended(pod, PodResult(Phase.FAILED, pod.reason))
                return
            output = prepared.output
            pod.task = Phases(self._sandbox, prepared.containers, log=output.writer, mark=output.mark)
            pod.output = output
        except Exception as exc:
            self._ended(pod, PodResult(Phase.ERROR, _reason(exc)))
            return
        finally:
            prepared.output.release()
        self._watch(pod)
        limits = pod.attempt.template.limits
        self._guard.watch(pod, Subject(limits, root=pod.task.root, scratch=prepared.scratch))

    def _reap(self, pod: _Pod) -> None:
        task = pod.task
        if task is None:
            return
        try:
            ended = task.poll()
        except Exception as exc:
            _LOG.exception("It is not known how %s ended.", pod.attempt.node.name)
            ended = Exit(code=1, started=False)
            self._lose(task, exc)
        if ended is None:
            if pod.watched is not None and pod.watched[0] != task.number:
                self._unwatch(pod)
                self._watch(pod)
            return
        self._unwatch(pod)
        self._guard.forget(pod)
        if ended.memory is not None:
            pod.excess = pod.excess or out_of_memory(ended.memory, pod.attempt.template.limits)
        elif ended.forked_too_often:
            pod.excess = pod.excess or too_many_processes(pod.attempt.template.limits)
        self._take_progress(pod)
        pod.task = None
        pod.leaving = ended.code == 0 and self._sandbox.slots is None
        self._help(self._collect, pod, ended)

    def _watch(self, pod: _Pod) -> None:
        """Have the end of a pod's container wake the thread."""
        descriptor = None if pod.task is None else pod.task.pidfd()
        if pod.task is not None and descriptor is not None:
            self._selector.register(descriptor, selectors.EVENT_READ, pod)
            pod.watched = pod.task.number, descriptor

    def _unwatch(self, pod: _Pod) -> None:
        if pod.watched is not None:
            with suppress(KeyError, ValueError):
                self._selector.unregister(pod.watched[1])
            pod.watched = None

    def _exceeded(self, pod: _Pod, excess: Excess) -> None:
        """End a pod that has too much of something."""
        if pod.task is not None:
            pod.excess = pod.excess or excess
            self._end(pod.task.kill)

    def _collect(self, pod: _Pod, ended: Exit) -> None:
        """In a helper's thread: store what a pod left, then hand the outcome back."""
        try:
            if pod.output is not None:
                pod.output.finish()
            outcome = self._pods.collect(pod.flow.program, pod.attempt, ended, pod.excess)
        except Exception as exc:
            _LOG.exception("What %s left cannot be taken in.", pod.attempt.node.name)
            outcome = PodResult(Phase.ERROR, _reason(exc), ended.code)
        self._post(pod, self._ended, pod, outcome)

    def _ended(self, pod: _Pod, outcome: PodResult) -> None:
        self._active.discard(pod)
        if pod.flow.uid not in self._flows:
            self._clear_when_gone(pod.flow.uid, pod.flow.program.name)
            return
        if pod.reason is not None and outcome.phase != Phase.SUCCEEDED:
            _, _, message = (outcome.message or "").partition("): ")
            reason = f"{pod.reason}: {message}" if message else pod.reason
            outcome = outcome._replace(phase=Phase.FAILED, message=reason)
        pod.flow.finish(pod.attempt, outcome, time.time())
        self._touched.add(pod.flow)

    def _stop_all(self, reason: str) -> None:
        for pod in [*self._active]:
            self._stop_pod(pod, reason, time.time())

    def _stop_pods(self, flow: Flow, reason: str, now: float) -> None:
        for pod in self._active:
            if pod.flow is flow:
                self._stop_pod(pod, reason, now)

    def _stop_pod(self, pod: _Pod, reason: str, now: float) -> None:
        if pod.reason is None:
            pod.reason = reason
            pod.kill_at = now + _GRACE_SECONDS
            if pod.task is not None:
                self._end(pod.task.terminate)

    def _lose(self, task: Phases, error: Exception) -> None:
        """Let go of a container that does not say how it is."""
        _LOG.warning("A container is given up: %s", error)
        self._end(task.kill)

    def _end(self, how: Callable[[], None]) -> None:
        """Signal a container; should that fail, it is tried again when its time is over."""
        try:
            how()
        except Exception:
            _LOG.exception("A container cannot be signalled.")

    # --- times ----------------------------------------------------------------------------------------------

    def _next_event(self) -> float:
        """When something has to be done even if nothing happens, in seconds since 1970."""
        now = time.time()
        times = [now + _IDLE_SECONDS]
        for flow in [*self._flows.values()]:
            times += self._contained(flow.uid, _times_of, flow) or ()
        if self._unread or self._given_up:
            times.append(now + self._pause)
        if self._next_expiry is not None:
            times.append(self._next_expiry)
        pods = [pod for pod in self._active if pod.task is not None]
        times += [at for pod in pods for at in (pod.deadline, pod.kill_at) if at is not None]
        running = [pod.task for pod in pods if pod.task is not None]
        if running:
            times.append(self._next_progress)
        if any(task.pidfd() is None for task in running):
            times.append(now + _POLL_SECONDS)
        return min(times)

    def _check_times(self, now: float) -> None:
        for flow in [*self._flows.values()]:
            self._contained(flow.uid, self._check_flow, flow, now)
        for pod in [*self._active]:
            self._check_pod(pod, now)
        for uid in [*self._unread]:
            self._unread.discard(uid)
            self._refresh(uid)
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_SECONDS
            for pod in [*self._active]:
                self._contained(pod.flow.uid, self._take_progress, pod)
        if self._next_expiry is not None and now >= self._next_expiry:
            self._expire(now)

    def _check_flow(self, flow: Flow, now: float) -> None:
        flow.wake(now)
        if flow.deadline is not None and now >= flow.deadline:
            flow.stop(f"Workflow exceeded its deadline of {flow.program.deadline} s", now)
            self._touched.add(flow)
            self._stop_pods(flow, _TOO_LONG, now)

    def _check_pod(self, pod: _Pod, now: float) -> None:
        if pod.deadline is not None and now >= pod.deadline:
            pod.deadline = None
            self._stop_pod(pod, _TOO_LONG, now)
        if pod.kill_at is not None and now >= pod.kill_at and pod.task is not None:
            pod.kill_at = now + _GRACE_SECONDS
            self._end(pod.task.kill)

    def _take_progress(self, pod: _Pod) -> None:
        if pod.task is None:
            return
        progress = self._pods.progress(pod.flow.program, pod.attempt)
        known = pod.flow.uid in self._flows
        if progress is not None and known and pod.flow.report(pod.attempt, progress.strip()):
            self._touched.add(pod.flow)

    def _expire(self, now: float) -> None:
        try:
            for name in self._store.expired(now):
                self._store.delete(name)
                self._help(self._pods.forget, name)
            self._next_expiry = self._store.next_expiry()
        except sqlite3.Error:
            _LOG.exception("Workflows whose time is over cannot be deleted; trying again later.")
            self._next_expiry = now + _IDLE_SECONDS

    # --- threads --------------------------------------------------------------------------------------------

    def _help(self, work: Callable[..., None], *arguments: object) -> None:
        """Let a helper do it; a chore that fails keeps nothing else waiting."""

        def guarded() -> None:
            try:
                work(*arguments)
            except Exception:
                _LOG.exception("A chore of the engine failed: %s%s", work.__name__, arguments)

        self._helpers.submit(guarded)

    def _end_all(self) -> None:
        """Leave no process behind."""
        tasks = [pod.task for pod in self._active if pod.task is not None]
        while tasks := [task for task in tasks if _runs(task)]:
            for task in tasks:
                self._end(task.kill)
            time.sleep(_POLL_SECONDS)


def _runs(task: Phases) -> bool:
    try:
        return task.poll() is None
    except Exception:
        _LOG.exception("It is not known whether a container has ended.")
        return False


def _times_of(flow: Flow) -> list[float]:
    """When something has to be done for a workflow, in seconds since 1970."""
    return [at for at in (flow.deadline, flow.wakes_at) if at is not None]


def _reason(error: Exception) -> str:
    """What a workflow's message says of an error."""
    if isinstance(error, (OgdcError, OSError)):
        return str(error)
    return (
        f"The engine failed by its own fault: {type(error).__name__}: {error}. "
        "Report it with the stack's log."
    )
