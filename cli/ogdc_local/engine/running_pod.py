"""One pod between its beginning and its end: its container, its deadline, and why it is being stopped."""

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
    """A pod that was begun; the scheduler's thread alone calls this."""

    def __init__(self, flow: Flow, attempt: Attempt, now: float) -> None:
        self.flow = flow
        self.attempt = attempt
        self.prepared: Prepared | None = None
        """From when it can be started to when it is."""
        self.task: ContainerSequence | None = None
        """While its containers run."""
        self.output: Output | None = None
        """What its container prints."""
        self.leaving = False
        """Whether its container has ended well, so that another may take its slot."""
        self.excess: Excess | None = None
        """What it has too much of."""
        self._watched: tuple[int, int] | None = None
        """Which of its containers a selector watches, and that one's descriptor."""
        self._stop_reason: str | None = None
        self._kill_at: float | None = None
        self.ahead_at: float | None = None
        """When what comes after it is begun (see `ahead`), in seconds since 1970; None: that is done."""
        deadline = attempt.template.deadline
        self._deadline = None if deadline is None else now + deadline

    @property
    def uid(self) -> str:
        """Its workflow's."""
        return self.flow.uid

    @property
    def is_stopping(self) -> bool:
        """Whether it has been asked to end."""
        return self._stop_reason is not None

    # --- its container --------------------------------------------------------------------------------------

    def launch(self, sandbox: Sandbox, prepared: Prepared) -> PodResult | None:
        """Start the first of its containers; how it ended where it is being stopped already."""
        self.prepared = None
        try:
            if self._stop_reason is not None:
                return PodResult(Phase.FAILED, self._stop_reason)
            output = prepared.output
            self.task = ContainerSequence(sandbox, prepared.containers, log=output.writer, mark=output.mark)
            self.output = output
            return None
        finally:
            prepared.output.release()

    def take_over(self, task: ContainerSequence, output: Output, gate: int) -> None:
        """Become what has waited at a gate for its turn, and open that."""
        self.task, self.output = task, output
        with suppress(BrokenPipeError):  # how it ended shows when it is polled
            os.write(gate, b"1")
        os.close(gate)

    def watch(self, selector: BaseSelector) -> None:
        """Have the end of the container that runs now wake the selector."""
        descriptor = None if self.task is None else self.task.pidfd()
        if self.task is not None and descriptor is not None:
            selector.register(descriptor, EVENT_READ, self)
            self._watched = self.task.number, descriptor

    def unwatch(self, selector: BaseSelector) -> None:
        """Take its container's descriptor out of the selector; before that is closed or another's."""
        if self._watched is not None:
            with suppress(KeyError, ValueError):
                selector.unregister(self._watched[1])
            self._watched = None

    def poll(self, selector: BaseSelector) -> Exit | None:
        """How its containers ended; None: they go on, and the one that runs now is watched."""
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
        """Remember what the kernel ended it for, unless the guard was there first."""
        limits = self.attempt.template.limits
        if ended.memory is not None:
            self.excess = self.excess or out_of_memory(ended.memory, limits)
        elif ended.forked_too_often:
            self.excess = self.excess or too_many_processes(limits)

    # --- its end --------------------------------------------------------------------------------------------

    def stop(self, reason: str, now: float) -> None:
        """Ask it to end, and kill it where it does not; the first reason is the one that is shown."""
        if self._stop_reason is None:
            self._stop_reason = reason
            self._kill_at = now + _GRACE_SECONDS
            if self.task is not None:
                _signal(self.task.terminate)

    def kill(self) -> None:
        """Kill its container; should that fail, it is tried again when its time is over."""
        if self.task is not None:
            _signal(self.task.kill)

    def exceed(self, excess: Excess) -> None:
        """End it because it has too much of something."""
        if self.task is not None:
            self.excess = self.excess or excess
            self.kill()

    def check_times(self, now: float) -> None:
        """Stop it when its deadline is over, and kill it when its grace is."""
        if self._deadline is not None and now >= self._deadline:
            self._deadline = None
            self.stop(TOO_LONG, now)
        if self._kill_at is not None and now >= self._kill_at and self.task is not None:
            self._kill_at = now + _GRACE_SECONDS
            self.kill()

    def times(self) -> Iterator[float]:
        """When `check_times` has something to do, in seconds since 1970."""
        if self.task is not None:
            times = (self._deadline, self._kill_at, self.ahead_at)
            yield from (at for at in times if at is not None)

    def judged(self, result: PodResult) -> PodResult:
        """The result as it is shown: a pod that was stopped failed for that reason."""
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
