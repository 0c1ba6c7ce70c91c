"""One unfinished workflow in memory: which pod comes next, and what a pod's end means. No I/O.

A `Flow` is built from the workflow's program and the nodes recorded so far: a new workflow, one that an
engine was killed over and one that is retried all begin the same way. What it decides it collects as changes,
which the scheduler records before it acts.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterable

from ogdc_local.engine.instances import (
    Attempt,
    Instance,
    PodResult,
    instances_of,
    node_inputs,
    node_outputs,
    output_parameters,
    refusal,
)
from ogdc_local.engine.node_table import NodeTable
from ogdc_local.engine.nodes import Node, node_id, parse_progress, seconds, timestamp
from ogdc_local.engine.program import Program, Task
from ogdc_local.engine.records import Changes, WorkflowRow
from ogdc_shared.phases import FAILED_PHASES, PASSED_NODE_PHASES, TERMINAL_NODE_PHASES, Phase

_FAIL_FAST = "template has failed or errored children and failFast enabled"
_OMITTED = "omitted: depends condition not met"
_NOTHING = "Skipped, empty params"


class _TaskState:
    """How far one task of the DAG is."""

    def __init__(self) -> None:
        self.phase: str | None = None
        """Once it has ended."""
        self.opened = False
        """Whether its dependencies have ended."""
        self.left = 0
        """Units that have not ended."""
        self.failed: str | None = None
        """Failed or Error, once an instance has."""
        self.outbound: list[str] = []
        """Ids of the nodes that the next tasks hang on."""
        self.parameters: dict[str, str] = {}


class Flow:
    """One unfinished workflow."""

    def __init__(
        self,
        program: Program,
        *,
        uid: str,
        namespace: str,
        head: WorkflowRow,
        nodes: Iterable[Node],
        now: float,
    ) -> None:
        """Go on from what is recorded.

        Args:
            program: What it executes.
            uid: The workflow's.
            namespace: The workflow's.
            head: As recorded.
            nodes: As recorded; none for a new workflow.
            now: Seconds since 1970, as everywhere here.
        """
        self.program = program
        self.uid = uid
        self._head = head
        self._head_changed = False
        self._nodes = NodeTable(program.name, nodes)
        self._scope = {"workflow.name": program.name, "workflow.namespace": namespace}
        self._scope |= {f"workflow.labels.{label}": value for label, value in program.labels.items()}
        self._tasks = {task.name: _TaskState() for task in program.tasks}
        self._ready: deque[tuple[Instance, Node | None]] = deque()
        """With the node of the try to go on with, where an engine was killed over it."""
        self._waiting: list[tuple[float, int, Instance]] = []
        """A heap: when to try again, a number that tells equal times apart, what."""
        self._numbers = itertools.count()
        self._running: set[str] = set()
        """Node ids."""
        self._reason: str | None = None
        """Why it is being stopped."""
        self._advance(now)

    # --- what the scheduler asks ----------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._head.finished_at is not None

    @property
    def deadline(self) -> float | None:
        """When it is to be stopped, in seconds since 1970; None: never, or it is being stopped."""
        if self._reason or self._head.started_at is None or self.program.deadline is None:
            return None
        return seconds(self._head.started_at) + self.program.deadline

    @property
    def wakes_at(self) -> float | None:
        """When the next wait for a retry is over; None where nothing waits."""
        return self._waiting[0][0] if self._waiting else None

    def wake(self, now: float) -> None:
        """End the waits that are over."""
        while self._waiting and self._waiting[0][0] <= now:
            self._ready.append((heapq.heappop(self._waiting)[2], None))

    def take(self, now: float) -> Attempt | None:
        """Begin the next pod; None where none may begin now."""
        limit = self.program.parallelism
        if not self._ready or self._stopping or (limit and len(self._running) >= limit):
            return None
        if self._head.phase == Phase.PENDING:
            self._change_head(self._head._replace(phase=Phase.RUNNING, started_at=timestamp(now)))
        attempt = self._attempt(*self._ready.popleft(), now)
        self._running.add(attempt.node.id)
        return attempt

    def comes_last(self) -> Attempt | None:
        """The one pod that will be left once those that run have ended well, before it is decided on.

        None: there is none or not one alone, or what it is given is not known yet.
        """
        left = [task for task in self.program.tasks if not self._tasks[task.name].opened]
        if self._ready or self._waiting or self._stopping or len(left) != 1:
            return None
        task = left[0]
        scope = self._scope | self._outputs_before(task)
        try:
            instances = () if task.fans_out else instances_of(task, path=self._path(task), scope=scope)
        except ValueError:  # a value that a task leaves when it ends
            return None
        if not instances or instances[0].name in self._nodes:
            return None
        instance, template = instances[0], self.program.templates[task.template]
        node = self._nodes.new(self._pod_name(instance), "Pod", Phase.PENDING, template=template.name, now=0)
        return Attempt(instance, template, node, self._scope_of(instance), resumed=False)

    def finish(self, attempt: Attempt, outcome: PodResult, now: float) -> None:
        """Say how a pod ended."""
        self._running.discard(attempt.node.id)
        outcome = outcome.storable()
        node = self._nodes[attempt.node.name]
        _, total = parse_progress(node.progress) or (0, 1)
        node = self._nodes.put(
            node._replace(
                phase=outcome.phase,
                message=outcome.message,
                finished_at=timestamp(now),
                outputs=node_outputs(attempt.template, attempt.scope, outcome),
                progress=node.progress if outcome.phase in FAILED_PHASES else f"{total}/{total}",
            )
        )
        self._decide(attempt, outcome, node, now)
        self._advance(now)

    def report(self, attempt: Attempt, progress: str) -> bool:
        """Take over a pod's own progress, `done/total`; False where it is not of that form or not new."""
        node = self._nodes[attempt.node.name]
        if parse_progress(progress) is None or progress == node.progress:
            return False
        self._nodes.put(node._replace(progress=progress))
        return True

    def stop(self, reason: str, now: float) -> None:
        """Begin no more pods; once the running ones have ended the workflow has failed for `reason`."""
        self._reason = self._reason or reason
        self._advance(now)

    def changes(self) -> Changes | None:
        """What was decided and is not recorded yet; None where nothing was."""
        if not (self._head_changed or self._nodes.changed):
            return None
        nodes, edges = self._nodes.unrecorded()
        return Changes(self.uid, self._head._replace(progress=self._nodes.progress), nodes, edges)

    def recorded(self) -> None:
        """Say that `changes` are on disk."""
        self._nodes.recorded()
        self._head_changed = False

    # --- tasks ----------------------------------------------------------------------------------------------

    @property
    def _stopping(self) -> bool:
        """Whether no pod may begin any more."""
        return self._reason is not None or (self.program.fail_fast and self._has_failed)

    @property
    def _has_failed(self) -> bool:
        return any(state.failed for state in self._tasks.values())

    @property
    def _idle(self) -> bool:
        """Whether nothing runs and nothing will, of the tasks opened so far."""
        return not self._running and (self._stopping or not (self._ready or self._waiting))

    def _advance(self, now: float) -> None:
        """Open the tasks whose time has come; end the workflow when nothing is left to do."""
        for task in self.program.tasks:
            state = self._tasks[task.name]
            if not state.opened and all(self._tasks[name].phase for name in task.dependencies):
                state.opened = True
                self._open(task, state, now)
            if state.opened and state.phase is None and (state.left == 0 or self._idle):
                self._close(task, state, now)
        if self._idle and not self.over:
            self._end(now)

    def _open(self, task: Task, state: _TaskState, now: float) -> None:
        self._ensure(self.program.name, "DAG", self.program.entrypoint, now)
        if any(self._tasks[name].phase not in PASSED_NODE_PHASES for name in task.dependencies):
            self._skip(task, state, Phase.OMITTED, _OMITTED, now)
            return
        try:
            instances = instances_of(
                task, path=self._path(task), scope=self._scope | self._outputs_before(task)
            )
        except ValueError as exc:
            state.failed = Phase.ERROR
            self._skip(task, state, Phase.ERROR, str(exc), now)
            return
        if not instances:
            self._skip(task, state, Phase.SKIPPED, _NOTHING, now)
            return
        if task.fans_out and self._ensure(self._path(task), "TaskGroup", task.template, now):
            self._hang(task, self._path(task))
        state.left = len(instances)
        for instance in instances:
            self._resume(instance, now)

    def _close(self, task: Task, state: _TaskState, now: float) -> None:
        """Every instance of a task has ended, or those that have not never will begin."""
        state.phase = state.failed or (Phase.SUCCEEDED if state.left == 0 else Phase.FAILED)
        if task.fans_out:
            group = self._nodes[self._path(task)]
            self._nodes.put(group._replace(phase=state.phase, finished_at=timestamp(now)))

    def _skip(self, task: Task, state: _TaskState, phase: str, message: str, now: float) -> None:
        """End a task of which no pod will begin."""
        state.phase = phase
        path = self._path(task)
        if path not in self._nodes:
            node = self._nodes.make(path, "Skipped", phase, template=task.template, now=now)
            self._nodes.put(node._replace(message=message, finished_at=node.started_at))
            self._hang(task, path)
        state.outbound.append(self._nodes[path].id)

    def _outputs_before(self, task: Task) -> dict[str, str]:
        return {
            f"tasks.{name}.outputs.parameters.{key}": value
            for name in task.dependencies
            for key, value in self._tasks[name].parameters.items()
        }

    def _ensure(self, name: str, kind: str, template: str, now: float) -> bool:
        """Make a running node where there is none; True where it was made."""
        if name in self._nodes:
            return False
        self._nodes.make(name, kind, Phase.RUNNING, template=template, now=now)
        return True

    def _hang(self, task: Task, name: str) -> None:
        """Make a node the child of the nodes that its task waited for, or of the DAG."""
        parents = [node for dependency in task.dependencies for node in self._tasks[dependency].outbound]
        self._nodes.connect(parents or [self.program.name], self._nodes[name].id)

    # --- instances and tries --------------------------------------------------------------------------------

    def _resume(self, instance: Instance, now: float) -> None:
        """Put an instance where the recorded nodes say it is."""
        retry = self.program.templates[instance.task.template].retry
        top = self._nodes.get(instance.name)
        if top is None:
            self._ready.append((instance, None))
            return
        last = top
        instance.tries = 0 if retry else 1
        while retry and (node := self._nodes.get(f"{instance.name}({instance.tries})")) is not None:
            last = node
            instance.tries += 1
        if top.phase in TERMINAL_NODE_PHASES:
            self._instance_ended(instance, top.phase, last)
        elif retry and last.phase in TERMINAL_NODE_PHASES:
            ended = seconds(last.finished_at) if last.finished_at else now
            self._wait(instance, ended + retry.backoff.before(instance.tries))
        else:
            self._ready.appendleft((instance, last))

    def _attempt(self, instance: Instance, unfinished: Node | None, now: float) -> Attempt:
        template = self.program.templates[instance.task.template]
        scope = self._scope_of(instance)
        if unfinished is not None:
            return Attempt(instance, template, unfinished, scope, resumed=True)
        retried = template.retry is not None
        node = self._nodes.make(
            self._pod_name(instance), "Pod", Phase.RUNNING, template=template.name, now=now
        )
        node = self._nodes.put(
            node._replace(progress="0/1", inputs=node_inputs(template, scope), retried=retried)
        )
        if retried and self._ensure(instance.name, "Retry", template.name, now):
            self._nodes.put(self._nodes[instance.name]._replace(inputs=node.inputs))
        if instance.tries == 0:
            self._hang_instance(instance)
        if retried:
            self._nodes.connect([node_id(self.program.name, instance.name)], node.id)
        instance.tries += 1
        return Attempt(instance, template, node, scope, resumed=False)

    def _scope_of(self, instance: Instance) -> dict[str, str]:
        template = self.program.templates[instance.task.template]
        arguments = {**template.defaults, **instance.arguments}
        return self._scope | {f"inputs.parameters.{name}": arguments[name] for name in template.parameters}

    def _hang_instance(self, instance: Instance) -> None:
        if instance.task.fans_out:
            self._nodes.connect([self._nodes[self._path(instance.task)].id], self._nodes[instance.name].id)
        else:
            self._hang(instance.task, instance.name)

    def _decide(self, attempt: Attempt, outcome: PodResult, node: Node, now: float) -> None:
        """Try again, or close the instance."""
        instance, retry = attempt.instance, attempt.template.retry
        if retry is not None:
            refused = None
            if outcome.phase in FAILED_PHASES:
                refused = self._reason or refusal(retry, outcome, tries=instance.tries)
                if refused is None:
                    self._wait(instance, now + retry.backoff.before(instance.tries))
                    return
            self._nodes.put(
                self._nodes[instance.name]._replace(
                    phase=outcome.phase, message=refused, finished_at=timestamp(now), outputs=node.outputs
                )
            )
        self._instance_ended(instance, outcome.phase, node)

    def _wait(self, instance: Instance, until: float) -> None:
        heapq.heappush(self._waiting, (until, next(self._numbers), instance))

    def _instance_ended(self, instance: Instance, phase: str, last: Node) -> None:
        state = self._tasks[instance.task.name]
        state.left -= 1
        state.outbound.append(last.id)
        if phase in FAILED_PHASES:
            state.failed = phase
        elif not instance.task.fans_out:
            state.parameters = output_parameters(last)

    # --- the whole ------------------------------------------------------------------------------------------

    def _end(self, now: float) -> None:
        phase = self._last_phase()
        message = self._reason or (_FAIL_FAST if phase != Phase.SUCCEEDED and self._ready else None)
        for node in self._nodes.open_nodes():
            last = phase if node.type == "DAG" else Phase.FAILED
            self._nodes.put(node._replace(phase=last, message=message, finished_at=timestamp(now)))
        ttl = self.program.ttl
        kept = ttl.success if phase == Phase.SUCCEEDED else ttl.failure
        self._change_head(
            self._head._replace(
                phase=phase,
                message=message,
                started_at=self._head.started_at or timestamp(now),
                finished_at=timestamp(now),
                expires_at=None if kept is None else now + kept,
            )
        )

    def _last_phase(self) -> str:
        failures = {state.failed for state in self._tasks.values()} - {None}
        if self._reason is not None or Phase.FAILED in failures:
            return Phase.FAILED
        return Phase.ERROR if failures else Phase.SUCCEEDED

    def _change_head(self, head: WorkflowRow) -> None:
        self._head = head
        self._head_changed = True

    def _path(self, task: Task) -> str:
        """The name of a task's node."""
        return f"{self.program.name}.{task.name}"

    def _pod_name(self, instance: Instance) -> str:
        """The name of the node of an instance's next pod."""
        is_retried = self.program.templates[instance.task.template].retry is not None
        return f"{instance.name}({instance.tries})" if is_retried else instance.name
