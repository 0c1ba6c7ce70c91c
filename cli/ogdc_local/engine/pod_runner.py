"""The life cycle of pods: prepare, launch, watch, end, collect results.

A pod is killed when the thread that started it ends (PR_SET_PDEATHSIG is per thread). So all containers are
started by the scheduler's thread, which calls everything here. Staging inputs and storing outputs is done by
helpers.
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
"""Interval for polling containers whose end cannot be waited for, such as those of docker."""
_AHEAD_SECONDS = 0.1
"""How long a pod runs before the next one is started ahead, which would slow down a short pod."""


class PodRunner:
    """The pods that have been started and have not ended."""

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
        """Store the arguments; nothing is watched before `start`.

        Args:
            pods: The pods' directories on this machine.
            sandbox: Runs the containers.
            selector: Wakes the scheduler's thread when a container ends.
            helpers: Threads for slow work.
            post: Schedules a method of a pod's in the scheduler's thread; called from other threads.
            post_call: The same for calls that belong to no pod.
            on_progress: Called with a pod's progress.
            on_end: Called once with each pod's result.
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
        """Started in this pass; prepared after that is recorded."""
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
        """Start enforcing the limits of pods."""
        self._guard.start()

    def stop(self) -> None:
        """Release the pods' resources, once none runs."""
        self._guard.stop()
        self._helpers.stop()
        self._ahead.release()
        for pod in self._active:
            if pod.prepared is not None:
                pod.prepared.output.release()

    # --- start ----------------------------------------------------------------------------------------------

    def begin(self, flow: Flow, attempt: Attempt, now: float) -> None:
        """Add a pod; it is prepared by `prepare_begun`."""
        pod = RunningPod(flow, attempt, now)
        self._active.add(pod)
        self._begun.append(pod)

    def prepare_begun(self) -> None:
        """Prepare the pods added since the last call, in helpers' threads."""
        for pod in self._begun:
            if not self._ahead.take_up(pod):
                self._helpers.run(self._prepare, pod)
        self._begun.clear()
        self._ahead.keep({pod.uid for pod in self._active})

    def begin_ahead(self, now: float) -> None:
        """Start the pods ahead that follow pods which have run for a while."""
        for pod in self._active:
            if pod.task is not None and pod.ahead_at is not None and now >= pod.ahead_at:
                pod.ahead_at = None
                self._ahead.begin(pod.flow)

    def drop_begun(self, flow: Flow) -> None:
        """Forget a workflow's pods that are not being prepared yet."""
        for pod in [pod for pod in self._begun if pod.flow is flow]:
            self._begun.remove(pod)
            self._active.discard(pod)

    def _prepare(self, pod: RunningPod) -> None:
        """Prepare a pod, then pass it to the scheduler's thread; called in a helper's thread."""
        try:
            pod.prepared = self._pods.prepare(pod.flow.program, pod.attempt)
        except InputError as exc:  # a retry would fail the same way
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
        """Return the number of pods of each workflow, by uid, that occupy slots."""
        return Counter(pod.uid for pod in self._active if not pod.leaving)

    def pods(self) -> list[RunningPod]:
        """Return the current pods; thread-safe."""
        return [*self._active]

    def runs(self) -> bool:
        """Whether any pod is being prepared or runs, so that it may use disk space; thread-safe.

        Pods that could not be recorded yet, as on a full disk, do not count.
        """
        begun = [*self._begun]
        return any(pod not in begun for pod in self.pods())

    def report_progress(self, pod: RunningPod) -> None:
        """Pass on a pod's progress."""
        if pod.task is not None:
            progress = self._pods.progress(pod.flow.program, pod.attempt)
            if progress is not None:
                self._on_progress(pod, progress.strip())

    def times(self, now: float, progress_at: float) -> Iterator[float]:
        """Yield the times at which a pod needs attention even without an event, in seconds since 1970."""
        for pod in self._active:
            if pod.task is not None:
                yield progress_at
                yield from pod.times()
                if pod.task.pidfd() is None:
                    yield now + _POLL_SECONDS

    # --- end ------------------------------------------------------------------------------------------------

    def stop_pods(self, reason: str, now: float, *, of: Flow | None = None) -> None:
        """Ask pods to end: those of one workflow, or all."""
        for pod in self.pods():
            if of is None or pod.flow is of:
                pod.stop(reason, now)

    def reap(self, pod: RunningPod) -> None:
        """If a pod's containers have ended, start collecting its results."""
        ended = pod.poll(self._selector)
        if ended is None:
            return
        pod.unwatch(self._selector)
        self._guard.forget(pod)
        pod.note_excess(ended)
        pod.leaving = ended.code == 0 and self._sandbox.slots is None
        self.report_progress(pod)
        pod.task = None
        self._helpers.run(self._collect, pod, ended)

    def _collect(self, pod: RunningPod, ended: Exit) -> None:
        """Store a pod's outputs, then pass its result to the scheduler's thread; in a helper's thread."""
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
        """Kill all pods; returns when none runs."""
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
