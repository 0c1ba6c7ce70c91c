"""Pods from their beginning to their results: prepared, launched, watched, ended, collected.

A pod dies with the thread that started it (PR_SET_PDEATHSIG is about the thread), so every container is
started by the scheduler's, which calls everything here; staging inputs and storing outputs is the helpers'.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from selectors import BaseSelector

from ogdc_local.engine.ahead import Ahead
from ogdc_local.engine.faults import reason_of
from ogdc_local.engine.flow import Flow
from ogdc_local.engine.guard import Guard, Subject
from ogdc_local.engine.helpers import Helpers
from ogdc_local.engine.instances import Attempt, PodResult
from ogdc_local.engine.pods import Pods, Prepared
from ogdc_local.engine.running_pod import RunningPod
from ogdc_local.sandbox import ContainerSequence, Exit, Sandbox
from ogdc_shared.errors import InputError
from ogdc_shared.phases import Phase

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.05
"""Between two looks at containers whose end wakes nobody, as those of docker."""
_AHEAD_SECONDS = 0.1
"""How long a pod has to run before what comes after it is begun: it would be in the way of a short one."""


class PodRunner:
    """The pods that were begun and have not ended."""

    def __init__(
        self,
        *,
        pods: Pods,
        sandbox: Sandbox,
        selector: BaseSelector,
        helpers: Helpers,
        post: Callable[..., None],
        post_call: Callable[[Callable[[], None]], None],
        on_progress: Callable[[RunningPod, str], None],
        on_end: Callable[[RunningPod, PodResult], None],
    ) -> None:
        """Nothing is watched before `start`.

        Args:
            pods: The pods' directories on this machine.
            sandbox: What runs them.
            selector: Wakes the scheduler's thread when a container ends.
            helpers: Do what may take long.
            post: Called from other threads with a pod, a method and its arguments, which the scheduler's
                thread then calls.
            post_call: The same for what is no pod's.
            on_progress: Called with what a pod says of how far it is.
            on_end: Called once for each pod, with how it ended.
        """
        self._pods = pods
        self._sandbox = sandbox
        self._selector = selector
        self._helpers = helpers
        self._post = post
        self._on_progress = on_progress
        self._on_end = on_end
        self._active: set[RunningPod] = set()
        self._begun: list[RunningPod] = []
        """Decided on in this pass; prepared once that is on disk."""
        self._ahead = Ahead(
            pods=pods,
            sandbox=sandbox,
            helpers=helpers,
            post=post_call,
            prepare=self._prepare,
            launch=lambda pod, prepared: self._post(pod, self._launch, pod, prepared),
            watch=self._watch,
        )
        self._guard = Guard(lambda pod, excess: self._post(pod, pod.exceed, excess))

    def start(self) -> None:
        """Begin to look after the limits of pods."""
        self._guard.start()

    def stop(self) -> None:
        """Let go of what pods hold, once none runs."""
        self._guard.stop()
        self._helpers.stop()
        self._ahead.release()
        for pod in self._active:
            if pod.prepared is not None:
                pod.prepared.output.release()

    # --- beginning ------------------------------------------------------------------------------------------

    def begin(self, flow: Flow, attempt: Attempt, now: float) -> None:
        """Take up a pod; nothing is done for it before `prepare_begun`."""
        pod = RunningPod(flow, attempt, now)
        self._active.add(pod)
        self._begun.append(pod)

    def prepare_begun(self) -> None:
        """Prepare the pods taken up since last time, beside this thread."""
        for pod in self._begun:
            if not self._ahead.take_up(pod):
                self._helpers.run(self._prepare, pod)
        self._begun.clear()
        self._ahead.keep({pod.uid for pod in self._active})

    def begin_ahead(self, now: float) -> None:
        """Begin what comes after pods that have run for a while."""
        for pod in self._active:
            if pod.task is not None and pod.ahead_at is not None and now >= pod.ahead_at:
                pod.ahead_at = None
                self._ahead.begin(pod.flow)

    def drop_begun(self, flow: Flow) -> None:
        """Forget the pods of a workflow that nothing was done for yet."""
        for pod in [pod for pod in self._begun if pod.flow is flow]:
            self._begun.remove(pod)
            self._active.discard(pod)

    def _prepare(self, pod: RunningPod) -> None:
        """In a helper's thread: make a pod ready, then hand it back."""
        try:
            pod.prepared = self._pods.prepare(pod.flow.program, pod.attempt)
        except InputError as exc:  # another try would find the same
            self._post(pod, self._end, pod, PodResult(Phase.FAILED, f"main: {exc}", 1))
        except Exception as exc:
            self._post(pod, self._end, pod, PodResult(Phase.ERROR, reason_of(exc)))
        else:
            self._post(pod, self._launch, pod, pod.prepared)

    def _launch(self, pod: RunningPod, prepared: Prepared) -> None:
        try:
            result = pod.launch(self._sandbox, prepared)
        except Exception as exc:
            result = PodResult(Phase.ERROR, reason_of(exc))
        if result is not None:
            self._end(pod, result)
        else:
            pod.ahead_at = time.time() + _AHEAD_SECONDS
            self._watch(pod, prepared)

    def _watch(self, pod: RunningPod, prepared: Prepared) -> None:
        if pod.task is not None:
            pod.watch(self._selector)
            limits = pod.attempt.template.limits
            self._guard.watch(pod, Subject(limits, pod.task.roots, pod.task.worker, prepared.scratch))

    # --- while they run -------------------------------------------------------------------------------------

    def slots_held(self) -> Counter[str]:
        """How many pods of each workflow, by its uid, are in the way of others."""
        return Counter(pod.uid for pod in self._active if not pod.leaving)

    def pods(self) -> list[RunningPod]:
        """The pods there are now; from any thread."""
        return [*self._active]

    def runs(self) -> bool:
        """Whether anything is done for a pod, so that it could take up room on the disk; from any thread.

        Nothing is for those that have been decided on and not recorded, as on a full disk.
        """
        begun = [*self._begun]
        return any(pod not in begun for pod in self.pods())

    def report_progress(self, pod: RunningPod) -> None:
        """Pass on what a pod's container says of how far it is."""
        if pod.task is not None:
            progress = self._pods.progress(pod.flow.program, pod.attempt)
            if progress is not None:
                self._on_progress(pod, progress.strip())

    def times(self, now: float, progress_at: float) -> Iterator[float]:
        """When something has to be done for a pod even if nothing happens, in seconds since 1970."""
        for pod in self._active:
            if pod.task is not None:
                yield progress_at
                yield from pod.times()
                if pod.task.pidfd() is None:
                    yield now + _POLL_SECONDS

    # --- ending ---------------------------------------------------------------------------------------------

    def stop_pods(self, reason: str, now: float, *, of: Flow | None = None) -> None:
        """Ask pods to end; those of one workflow, or all."""
        for pod in self.pods():
            if of is None or pod.flow is of:
                pod.stop(reason, now)

    def reap(self, pod: RunningPod) -> None:
        """Where a pod's containers have ended, have what it left collected."""
        ended = pod.poll(self._selector)
        if ended is None:
            return
        pod.unwatch(self._selector)
        self._guard.forget(pod)
        pod.note_excess(ended)
        self.report_progress(pod)
        pod.task = None
        pod.leaving = ended.code == 0 and self._sandbox.slots is None
        self._helpers.run(self._collect, pod, ended)

    def _collect(self, pod: RunningPod, ended: Exit) -> None:
        """In a helper's thread: store what a pod left, then hand its result back."""
        try:
            if pod.output is not None:
                pod.output.finish()
            result = self._pods.collect(pod.flow.program, pod.attempt, ended, pod.excess)
        except Exception as exc:
            _LOG.exception("What %s left cannot be taken in.", pod.attempt.node.name)
            result = PodResult(Phase.ERROR, reason_of(exc), ended.code)
        self._post(pod, self._end, pod, result)

    def _end(self, pod: RunningPod, result: PodResult) -> None:
        self._active.discard(pod)
        self._on_end(pod, pod.judged(result))

    def kill_all(self) -> None:
        """Leave no process behind; returns once none runs."""
        self._ahead.stop()
        pods = [pod for pod in self._active if pod.task is not None]
        while pods := [pod for pod in pods if _runs(pod.task)]:
            for pod in pods:
                pod.kill()
            time.sleep(_POLL_SECONDS)


def _runs(task: ContainerSequence | None) -> bool:
    try:
        return task is not None and task.poll() is None
    except Exception:
        _LOG.exception("It is not known whether a container has ended.")
        return False
