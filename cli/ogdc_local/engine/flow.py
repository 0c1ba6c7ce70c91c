"""The scheduling logic of one unfinished workflow: which pod is next, and what a pod's end means. No I/O.

A `Flow` is built from the workflow's program and its recorded nodes. So new workflows, workflows that a
killed engine left, and retried workflows all start the same way. It collects its decisions as changes, which
the scheduler records before it acts on them.
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
    """Progress of one task of the DAG."""

    def __init__(self) -> None:
        self.phase: str | None = None
        """Set once it has ended."""
        self.opened = False
        """Whether its dependencies have ended."""
        self.left = 0
        """Number of instances that have not ended."""
        self.failed: str | None = None
        """Failed or Error, once an instance has failed."""
        self.outbound: list[str] = []
        """Ids of the nodes that become parents of dependent tasks' nodes."""
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
        """Continue from the recorded state.

        Args:
            program: The workflow's program.
            uid: The workflow's uid.
            namespace: The workflow's namespace.
            head: The recorded row.
            nodes: The recorded nodes; none for a new workflow.
            now: Seconds since 1970, as in all methods.
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
        """With the node of an unfinished try, if an engine was killed during it."""
        self._waiting: list[tuple[float, int, Instance]] = []
        """A heap of the time of the retry, a number to order equal times, and the instance."""
        self._numbers = itertools.count()
        self._running: set[str] = set()
        """Node ids."""
        self._reason: str | None = None
        """Why it is being stopped, or None."""
        self._advance(now)

    # --- called by the scheduler ----------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._head.finished_at is not None

    @property
    def deadline(self) -> float | None:
        """When to stop it, in seconds since 1970; None if never or if it is already being stopped."""
        if self._reason or self._head.started_at is None or self.program.deadline is None:
            return None
        return seconds(self._head.started_at) + self.program.deadline

    @property
    def wakes_at(self) -> float | None:
        """When the next retry is due, or None."""
        return self._waiting[0][0] if self._waiting else None

    def wake(self, now: float) -> None:
        """Make the retries that are due ready."""
        while self._waiting and self._waiting[0][0] <= now:
            self._ready.append((heapq.heappop(self._waiting)[2], None))

    def take(self, now: float) -> Attempt | None:
        """Start the next pod; None if none may start now."""
        limit = self.program.parallelism
        if not self._ready or self._stopping or (limit and len(self._running) >= limit):
            return None
        if self._head.phase == Phase.PENDING:
            self._change_head(self._head._replace(phase=Phase.RUNNING, started_at=timestamp(now)))
        attempt = self._attempt(*self._ready.popleft(), now)
        self._running.add(attempt.node.id)
        return attempt

    def comes_last(self) -> Attempt | None:
        """Return the single pod that will remain once the running pods succeed, without starting it.

        None if more or fewer pods will remain, or if its inputs are not known yet.
        """
        left = [task for task in self.program.tasks if not self._tasks[task.name].opened]
        if self._ready or self._waiting or self._stopping or len(left) != 1:
            return None
        task = left[0]
        scope = self._scope | self._outputs_before(task)
        try:
            instances = () if task.fans_out else instances_of(task, path=self._path(task), scope=scope)
        except ValueError:  # depends on the output of a task that still runs
            return None
        if not instances or instances[0].name in self._nodes:
            return None
        instance, template = instances[0], self.program.templates[task.template]
        node = self._nodes.new(self._pod_name(instance), "Pod", Phase.PENDING, template=template.name, now=0)
        return Attempt(instance, template, node, self._scope_of(instance), resumed=False)

    def finish(self, attempt: Attempt, outcome: PodResult, now: float) -> None:
        """Process a pod's result."""
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
        """Update a pod's progress, `done/total`; False if it is malformed or unchanged."""
        node = self._nodes[attempt.node.name]
        if parse_progress(progress) is None or progress == node.progress:
            return False
        self._nodes.put(node._replace(progress=progress))
        return True

    def stop(self, reason: str, now: float) -> None:
        """Start no more pods; once the running ones have ended, the workflow fails with `reason`."""
        self._reason = self._reason or reason
        self._advance(now)

    def changes(self) -> Changes | None:
        """Return the decisions that are not recorded yet; None if there are none."""
        if not (self._head_changed or self._nodes.changed):
            return None
        nodes, edges = self._nodes.unrecorded()
        return Changes(self.uid, self._head._replace(progress=self._nodes.progress), nodes, edges)

    def recorded(self) -> None:
        """Mark the changes as recorded."""
        self._nodes.recorded()
        self._head_changed = False

    # --- tasks ----------------------------------------------------------------------------------------------

    @property
    def _stopping(self) -> bool:
        """Whether no more pods may start."""
        return self._reason is not None or (self.program.fail_fast and self._has_failed)

    @property
    def _has_failed(self) -> bool:
        return any(state.failed for state in self._tasks.values())

    @property
    def _idle(self) -> bool:
        """Whether no pod of the opened tasks runs or will run."""
        return not self._running and (self._stopping or not (self._ready or self._waiting))

    def _advance(self, now: float) -> None:
        """Open the tasks whose dependencies have ended; end the workflow if nothing remains."""
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
        """End a task when all instances have ended or will not start."""
        state.phase = state.failed or (Phase.SUCCEEDED if state.left == 0 else Phase.FAILED)
        if task.fans_out:
            group = self._nodes[self._path(task)]
            self._nodes.put(group._replace(phase=state.phase, finished_at=timestamp(now)))

    def _skip(self, task: Task, state: _TaskState, phase: str, message: str, now: float) -> None:
        """End a task without starting a pod."""
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
        """Create a running node unless it exists; True if it was created."""
        if name in self._nodes:
            return False
        self._nodes.make(name, kind, Phase.RUNNING, template=template, now=now)
        return True

    def _hang(self, task: Task, name: str) -> None:
        """Make a node a child of the last nodes of the task's dependencies, or of the DAG."""
        parents = [node for dependency in task.dependencies for node in self._tasks[dependency].outbound]
        self._nodes.connect(parents or [self.program.name], self._nodes[name].id)

    # --- instances and tries --------------------------------------------------------------------------------

    def _resume(self, instance: Instance, now: float) -> None:
        """Restore the state of an instance from the recorded nodes."""
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
        """Schedule a retry, or end the instance."""
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

    # --- the workflow as a whole ----------------------------------------------------------------------------

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
        """Return the name of a task's node."""
        return f"{self.program.name}.{task.name}"

    def _pod_name(self, instance: Instance) -> str:
        """Return the name of the node of an instance's next pod."""
        is_retried = self.program.templates[instance.task.template].retry is not None
        return f"{instance.name}({instance.tries})" if is_retried else instance.name
