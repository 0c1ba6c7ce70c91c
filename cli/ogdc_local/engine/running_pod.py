"""One running pod: its containers, its deadline, and why it is being stopped."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from selectors import EVENT_READ, BaseSelector

from ogdc_local.engine.flow import Flow
from ogdc_local.engine.guard import Excess, out_of_memory, too_many_processes
from ogdc_local.engine.instances import Attempt, PodResult
from ogdc_local.engine.output import Output
from ogdc_local.engine.pods import Prepared
from ogdc_local.sandbox import ContainerSequence, Exit, Sandbox
from ogdc_shared.phases import Phase

_LOG = logging.getLogger(__name__)
_GRACE_SECONDS = 5.0
"""Between asking a container to end and killing it, as on a cluster."""
TOO_LONG = "Step exceeded its deadline"


class RunningPod:
    """A pod that has been started; used only by the scheduler's thread."""

    def __init__(self, flow: Flow, attempt: Attempt, now: float) -> None:
        self.flow = flow
        self.attempt = attempt
        self.prepared: Prepared | None = None
        """Set while it is ready but not started."""
        self.task: ContainerSequence | None = None
        """Set while its containers run."""
        self.output: Output | None = None
        """The log of its containers."""
        self.leaving = False
        """Whether its container has succeeded, so that another pod may take its slot."""
        self.excess: Excess | None = None
        """The limit that it exceeded, or None."""
        self._watched: tuple[int, int] | None = None
        """Number of the container that the selector watches, and its descriptor."""
        self._stop_reason: str | None = None
        self._kill_at: float | None = None
        self.ahead_at: float | None = None
        """When to start the next pod ahead (see `ahead`), in seconds since 1970; None if that was done."""
        deadline = attempt.template.deadline
        self._deadline = None if deadline is None else now + deadline

    @property
    def uid(self) -> str:
        """Uid of its workflow."""
        return self.flow.uid

    @property
    def is_stopping(self) -> bool:
        """Whether it has been asked to end."""
        return self._stop_reason is not None

    # --- its containers -------------------------------------------------------------------------------------

    def launch(self, sandbox: Sandbox, prepared: Prepared) -> PodResult | None:
        """Start the first container; returns a result instead if the pod is already being stopped."""
        self.prepared = None
        try:
            if self._stop_reason is not None:
                before = ", after an attempt that was interrupted" if self.attempt.resumed else ""
                return PodResult(Phase.FAILED, f"{self._stop_reason}{before}")
            output = prepared.output
            self.task = ContainerSequence(sandbox, prepared.containers, log=output.writer, mark=output.mark)
            self.output = output
            return None
        finally:
            prepared.output.release()

    def take_over(self, task: ContainerSequence, output: Output, gate: int) -> None:
        """Take over the containers of a pod that waits at a gate, and open the gate."""
        self.task, self.output = task, output
        with suppress(BrokenPipeError):  # its end is noticed by `poll`
            os.write(gate, b"1")
        os.close(gate)

    def watch(self, selector: BaseSelector) -> None:
        """Register the current container's descriptor, so that its end wakes the selector."""
        descriptor = None if self.task is None else self.task.pidfd()
        if self.task is not None and descriptor is not None:
            selector.register(descriptor, EVENT_READ, self)
            self._watched = self.task.number, descriptor

    def unwatch(self, selector: BaseSelector) -> None:
        """Unregister the descriptor, before it is closed or reused."""
        if self._watched is not None:
            with suppress(KeyError, ValueError):
                selector.unregister(self._watched[1])
            self._watched = None

    def poll(self, selector: BaseSelector) -> Exit | None:
        """Return how its containers ended; None if one still runs, which is then watched."""
        task = self.task
        if task is None:
            return None
        try:
            ended = task.poll()
        except Exception as exc:
            _LOG.exception("It is not known how %s ended.", self.attempt.node.name)
            _LOG.warning("A container is given up: %s", exc)
            self.kill()
            ended = Exit(code=1, started=False)
        if ended is None and self._watched is not None and self._watched[0] != task.number:
            self.unwatch(selector)
            self.watch(selector)
        return ended

    def note_excess(self, ended: Exit) -> None:
        """Set the limit that the kernel enforced, unless the guard has already set one."""
        limits = self.attempt.template.limits
        if ended.memory is not None:
            self.excess = self.excess or out_of_memory(ended.memory, limits)
        elif ended.forked_too_often:
            self.excess = self.excess or too_many_processes(limits)

    # --- ending ---------------------------------------------------------------------------------------------

    def stop(self, reason: str, now: float) -> None:
        """Ask it to end, and kill it later if it does not; the first reason is the one shown."""
        if self._stop_reason is None:
            self._stop_reason = reason
            self._kill_at = now + _GRACE_SECONDS
            if self.task is not None:
                _signal(self.task.terminate)

    def kill(self) -> None:
        """Kill its container; if that fails, it is repeated after the grace period."""
        if self.task is not None:
            _signal(self.task.kill)

    def exceed(self, excess: Excess) -> None:
        """Kill it for exceeding a limit."""
        if self.task is not None:
            self.excess = self.excess or excess
            self.kill()

    def check_times(self, now: float) -> None:
        """Stop it after its deadline, and kill it after the grace period."""
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self.stop(TOO_LONG, now)
        if self._kill_at is not None and now >= self._kill_at and self.task is not None:
            self._kill_at = now + _GRACE_SECONDS
            self.kill()

    def times(self) -> Iterator[float]:
        """Yield the times at which `check_times` has something to do, in seconds since 1970."""
        if self.task is not None:
            times = (self._deadline, self._kill_at, self.ahead_at)
            yield from (at for at in times if at is not None)

    def judged(self, result: PodResult) -> PodResult:
        """Return the result to show: a pod that was stopped failed for that reason."""
        if self._stop_reason is None or result.phase == Phase.SUCCEEDED:
            return result
        _, _, message = (result.message or "").partition("): ")
        reason = f"{self._stop_reason}: {message}" if message else self._stop_reason
        return result._replace(phase=Phase.FAILED, message=reason)


def _signal(how: Callable[[], None]) -> None:
    try:
        how()
    except Exception:
        _LOG.exception("A container cannot be signalled.")
