"""What comes last in a workflow, begun while what it depends on runs, and held at a gate until its turn.

Most of the time of `publish` is that of its sandbox and its imports. A pod at the gate is none yet: nothing
is recorded of it, it has no slot, and it has not looked at anything. Where its turn does not come, or the
engine ends, the gate is closed and its process ends by itself.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress

from ogdc_local.engine.flow import Flow
from ogdc_local.engine.helpers import Helpers
from ogdc_local.engine.instances import Attempt
from ogdc_local.engine.pods import Pods, Prepared
from ogdc_local.engine.running_pod import RunningPod
from ogdc_local.sandbox import ContainerSequence, Sandbox

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.02
_PUBLISH = ("ogdc-worker", "publish")


class Held:
    """A pod at the gate, or on its way there; the scheduler's thread alone calls this."""

    def __init__(self, flow: Flow, attempt: Attempt) -> None:
        self.flow = flow
        self.attempt = attempt
        self.prepared: Prepared | None = None
        """Once it is."""
        self.task: ContainerSequence | None = None
        """Once it is at the gate."""
        self.gate: int | None = None
        """What opens it."""
        self.pod: RunningPod | None = None
        """Whose turn has come before it was at the gate."""

    def is_for(self, pod: RunningPod) -> bool:
        """Whether it is what a pod would be."""
        mine, other = self.attempt, pod.attempt
        return mine.node.id == other.node.id and mine.scope == other.scope and mine.template == other.template

    def close(self) -> None:
        """Have it end; it has done nothing."""
        if self.gate is not None:
            os.close(self.gate)
            self.gate = None
        if self.task is not None:
            self.task.kill()


class Ahead:
    """The pods at the gate, one of a workflow at most; the scheduler's thread alone calls this."""

    def __init__(
        self,
        *,
        pods: Pods,
        sandbox: Sandbox,
        helpers: Helpers,
        post: Callable[[Callable[[], None]], None],
        prepare: Callable[[RunningPod], None],
        launch: Callable[[RunningPod, Prepared], None],
        watch: Callable[[RunningPod, Prepared], None],
    ) -> None:
        """Nothing is begun yet.

        Args:
            pods: The pods' directories on this machine.
            sandbox: What runs them.
            helpers: Do what may take long.
            post: Called from other threads with what the scheduler's thread then calls.
            prepare: Called in a helper's thread; makes a pod ready as any other, and has it launched.
            launch: Starts a pod that is ready.
            watch: Looks after a pod that has been started.
        """
        self._pods = pods
        self._sandbox = sandbox
        self._helpers = helpers
        self._post = post
        self._prepare_pod = prepare
        self._launch = launch
        self._watch = watch
        self._held: dict[str, Held] = {}
        """By the workflow's uid."""

    def begin(self, flow: Flow) -> None:
        """Have what comes last in a workflow wait at the gate, where nothing else will come before it."""
        if flow.uid in self._held or not self._sandbox.has_gates:
            return
        attempt = flow.comes_last()
        if attempt is not None and _may_begin(flow, attempt):
            held = self._held[flow.uid] = Held(flow, attempt)
            self._helpers.run(self._prepare, held)

    def take_up(self, pod: RunningPod) -> bool:
        """Open the gate for a pod whose turn has come; False: nothing was begun for it."""
        held = self._held.pop(pod.uid, None)
        if held is None:
            return False
        held.pod = pod
        if held.task is not None and held.prepared is not None and held.gate is not None:
            if held.is_for(pod) and not pod.is_stopping and held.task.poll() is None:
                pod.take_over(held.task, held.prepared.output, held.gate)
                self._watch(pod, held.prepared)
            else:
                held.close()
                self._helpers.run(self._begin_anew, held, held.prepared, pod)
        return True

    def keep(self, uids: set[str]) -> None:
        """Let go of those whose workflows are not among these: their turn does not come."""
        for uid in self._held.keys() - uids:
            self._drop(self._held.pop(uid))

    def stop(self) -> None:
        """End all, and return once none runs."""
        for held in self._held.values():
            held.close()
        for held in self._held.values():
            if held.task is not None:
                _await_end(held.task)

    def release(self) -> None:
        """Let go of what is left of them, once the helpers have stopped."""
        for held in self._held.values():
            if held.prepared is not None and held.task is None:
                held.prepared.output.release()
        self._held.clear()

    def _prepare(self, held: Held) -> None:
        """In a helper's thread: make it ready, then hand it back."""
        try:
            held.prepared = self._pods.prepare(held.flow.program, held.attempt)
        except Exception as exc:  # its turn will tell
            _LOG.info("%s cannot be begun before its turn: %s", held.attempt.node.name, exc)
        self._post(lambda: self._prepared(held))

    def _prepared(self, held: Held) -> None:
        if held.pod is not None:
            self._go_on(held, held.pod)
        elif self._held.get(held.flow.uid) is not held:
            self._drop(held)
        elif held.prepared is None:
            del self._held[held.flow.uid]  # so that its turn finds nothing that was begun, and tells
        else:
            self._start(held, held.prepared)

    def _go_on(self, held: Held, pod: RunningPod) -> None:
        """Start what has just been made ready for a pod whose turn has come meanwhile."""
        if held.prepared is None:
            self._helpers.run(self._prepare_pod, pod)
        elif held.is_for(pod):
            pod.prepared = held.prepared
            self._launch(pod, held.prepared)
        else:
            self._helpers.run(self._begin_anew, held, held.prepared, pod)

    def _start(self, held: Held, prepared: Prepared) -> None:
        try:
            held.task = self._at_gate(held, prepared)
        except Exception as exc:
            _LOG.info("%s cannot be begun before its turn: %s", held.attempt.node.name, exc)
            self._drop(self._held.pop(held.flow.uid))
        else:
            prepared.output.release()

    def _at_gate(self, held: Held, prepared: Prepared) -> ContainerSequence:
        reader, held.gate = os.pipe()
        try:
            containers = [container._replace(gate=reader) for container in prepared.containers]
            output = prepared.output
            return ContainerSequence(self._sandbox, containers, log=output.writer, mark=output.mark)
        finally:
            os.close(reader)

    def _drop(self, held: Held) -> None:
        if held.prepared is not None:
            held.close()
            self._helpers.run(self._clear_up, held, held.prepared)

    def _begin_anew(self, held: Held, prepared: Prepared, pod: RunningPod) -> None:
        """In a helper's thread: leave nothing of what was begun, then make its pod ready as any other."""
        self._clear_up(held, prepared)
        self._prepare_pod(pod)

    def _clear_up(self, held: Held, prepared: Prepared) -> None:
        """In a helper's thread: leave nothing of a pod whose turn has not come."""
        if held.task is None:
            prepared.output.release()
        else:
            _await_end(held.task)
        prepared.output.finish()
        prepared.leave()


def _may_begin(flow: Flow, attempt: Attempt) -> bool:
    """Whether it is `publish`, and shown no secret: a token may be renewed while the commands run."""
    is_publish = attempt.template.argv[: len(_PUBLISH)] == _PUBLISH
    return is_publish and not any(mount.volume in flow.program.secrets for mount in attempt.template.mounts)


def _await_end(task: ContainerSequence) -> None:
    with suppress(OSError):
        while task.poll() is None:
            task.kill()
            time.sleep(_POLL_SECONDS)
