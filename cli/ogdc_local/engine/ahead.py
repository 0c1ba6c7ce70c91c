"""Starts the last pod of a workflow while its dependencies still run, and holds it at a gate until its turn.

Most of the time of `publish` is spent on its sandbox and its imports. A pod at the gate is not recorded, has
no slot and has not read anything. If its turn does not come, or the engine ends, the gate is closed and its
process exits.
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
from ogdc_local.engine.pods import PUBLISH, Pods, Prepared
from ogdc_local.engine.running_pod import RunningPod
from ogdc_local.sandbox import ContainerSequence, Sandbox

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.02


class Held:
    """A pod at the gate, or being prepared for it; used only by the scheduler's thread."""

    def __init__(self, flow: Flow, attempt: Attempt) -> None:
        self.flow = flow
        self.attempt = attempt
        self.prepared: Prepared | None = None
        """Set once it has been prepared."""
        self.task: ContainerSequence | None = None
        """Set once it is at the gate."""
        self.gate: int | None = None
        """The descriptor that opens the gate."""
        self.pod: RunningPod | None = None
        """The pod, if its turn came before it was at the gate."""

    def is_for(self, pod: RunningPod) -> bool:
        """Whether it is the same pod as `pod`."""
        mine, other = self.attempt, pod.attempt
        return mine.node.id == other.node.id and mine.scope == other.scope and mine.template == other.template

    def close(self) -> None:
        """Make it exit; it has done nothing."""
        if self.gate is not None:
            os.close(self.gate)
            self.gate = None
        if self.task is not None:
            self.task.kill()


class Ahead:
    """The pods at the gate, at most one of each workflow; used only by the scheduler's thread."""

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
        """Store the arguments.

        Args:
            pods: The pods' directories on this machine.
            sandbox: Runs the containers.
            helpers: Threads for slow work.
            post: Schedules a call in the scheduler's thread; called from other threads.
            prepare: Prepares a pod the usual way and has it launched; called in a helper's thread.
            launch: Starts a prepared pod.
            watch: Watches a pod that has been started.
        """
        self._pods = pods
        self._sandbox = sandbox
        self._helpers = helpers
        self._post = post
        self._prepare_pod = prepare
        self._launch = launch
        self._watch = watch
        self._held: dict[str, Held] = {}
        """By workflow uid."""

    def begin(self, flow: Flow) -> None:
        """Start the last pod of a workflow and hold it at the gate, if only that pod remains."""
        if flow.uid in self._held or not self._sandbox.has_gates:
            return
        attempt = flow.comes_last()
        if attempt is not None and _may_begin(flow, attempt):
            held = self._held[flow.uid] = Held(flow, attempt)
            self._helpers.run(self._prepare, held)

    def take_up(self, pod: RunningPod) -> bool:
        """Open the gate for a pod whose turn has come; False if the pod was not started ahead."""
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
        """Drop the pods of all other workflows, since their turn will not come."""
        for uid in self._held.keys() - uids:
            self._drop(self._held.pop(uid))

    def stop(self) -> None:
        """Kill all of them, and return when they have ended."""
        for held in self._held.values():
            held.close()
        for held in self._held.values():
            if held.task is not None:
                _await_end(held.task)

    def release(self) -> None:
        """Release the resources of the remaining ones, after the helpers have stopped."""
        for held in self._held.values():
            if held.prepared is not None and held.task is None:
                held.prepared.output.release()
        self._held.clear()

    def _prepare(self, held: Held) -> None:
        """Prepare a pod, then pass it to the scheduler's thread; called in a helper's thread."""
        try:
            held.prepared = self._pods.prepare(held.flow.program, held.attempt)
        except Exception as exc:  # reported when the pod is started the usual way
            _LOG.info("%s cannot be begun before its turn: %s", held.attempt.node.name, exc)
        self._post(lambda: self._prepared(held))

    def _prepared(self, held: Held) -> None:
        if held.pod is not None:
            self._go_on(held, held.pod)
        elif self._held.get(held.flow.uid) is not held:
            self._drop(held)
        elif held.prepared is None:
            del self._held[held.flow.uid]  # the pod will be started the usual way, which reports the error
        else:
            self._start(held, held.prepared)

    def _go_on(self, held: Held, pod: RunningPod) -> None:
        """Start a pod that has just been prepared and whose turn has come meanwhile."""
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
        """Remove everything that was started, then prepare the pod the usual way; in a helper's thread."""
        self._clear_up(held, prepared)
        self._prepare_pod(pod)

    def _clear_up(self, held: Held, prepared: Prepared) -> None:
        """Remove everything of a pod whose turn did not come; called in a helper's thread."""
        if held.task is None:
            prepared.output.release()
        else:
            _await_end(held.task)
        prepared.output.finish()
        prepared.leave()


def _may_begin(flow: Flow, attempt: Attempt) -> bool:
    """Whether it is `publish` without secrets; a secret must be read late, since it may be renewed."""
    is_publish = attempt.template.argv[: len(PUBLISH)] == PUBLISH
    return is_publish and not any(mount.volume in flow.program.secrets for mount in attempt.template.mounts)


def _await_end(task: ContainerSequence) -> None:
    with suppress(OSError):
        while task.poll() is None:
            task.kill()
            time.sleep(_POLL_SECONDS)
