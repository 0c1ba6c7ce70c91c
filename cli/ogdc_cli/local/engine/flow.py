"""One unfinished workflow in memory: which pod comes next, and what a pod's end means. No I/O.

A `Flow` is built from the workflow's program and the nodes recorded so far: a new workflow, one that an
engine was killed over and one that is retried all begin the same way. What it decides it collects as changes;
the scheduler records them before it acts.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from ogdc_cli.local.engine.nodes import DONE, FAILED, Node, node_id, parse_progress, seconds, timestamp
from ogdc_cli.local.engine.program import PodTemplate, Program, Retry, Task
from ogdc_cli.local.engine.records import Changes, Head
from ogdc_cli.local.engine.substitute import fill
from ogdc_shared.workflow.retry import is_worth_retrying

_FAIL_FAST = "template has failed or errored children and failFast enabled"
_OMITTED = "omitted: depends condition not met"
_NOTHING = "Skipped, empty params"
_NO_PARENTHESES = str.maketrans("", "", "()")


class Outcome(NamedTuple):
    """How a pod ended."""

    phase: str
    """Succeeded, Failed or Error."""
    message: str | None = None
    exit_code: int | None = None
    """The command's; None where it has none."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Output parameters."""


class Unit:
    """One instance of a task: one pod, or several tries one after the other."""

    __slots__ = ("arguments", "name", "task", "tries")

    def __init__(self, task: Task, *, name: str, arguments: dict[str, str]) -> None:
        self.task = task
        self.name = name
        """The node's name without the number of the try."""
        self.arguments = arguments
        self.tries = 0
        """Begun so far."""


class Attempt(NamedTuple):
    """A pod that is to run, or runs."""

    unit: Unit
    template: PodTemplate
    node: Node
    scope: dict[str, str]
    """Values of the template's tags."""
    resumed: bool
    """True: an engine was killed while it ran; its log is continued."""


class _TaskState:
    """How far one task of the DAG is."""

    def __init__(self) -> None:
        self.phase: str | None = None
        """Once it is done."""
        self.opened = False
        self.left = 0
        """Units that have not ended."""
        self.failed: str | None = None
        self.outbound: list[str] = []
        """Ids of the nodes that the next tasks hang on."""
        self.parameters: dict[str, str] = {}


class Flow:
    """One unfinished workflow."""

    def __init__(
        self, program: Program, *, uid: str, namespace: str, head: Head, nodes: Iterable[Node], now: float
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
        self.running: dict[str, Attempt] = {}
        """By node id."""
        self.head = head
        self._scope = {"workflow.name": program.name, "workflow.namespace": namespace}
        self._known = {node.name: node for node in nodes}
        self._tasks = {task.name: _TaskState() for task in program.tasks}
        self._ready: deque[tuple[Unit, Node | None]] = deque()
        self._waiting: list[tuple[float, int, Unit]] = []
        self._numbers = itertools.count()
        self._progress = {
            node.id: progress for node in self._known.values() if (progress := parse_progress(node.progress))
        }
        self._done_sum = sum(done for done, _ in self._progress.values())
        self._total_sum = sum(total for _, total in self._progress.values())
        self._changed: dict[str, Node] = {}
        self._edges: list[tuple[str, str]] = []
        self._reason: str | None = None
        self._touched = False
        self._advance(now)

    # --- what the scheduler asks ----------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.head.finished_at is not None

    @property
    def deadline(self) -> float | None:
        """When it must have ended, in seconds since 1970."""
        if self.head.started_at is None or self.program.deadline is None:
            return None
        return seconds(self.head.started_at) + self.program.deadline

    @property
    def wakes_at(self) -> float | None:
        """When the next retry's wait is over."""
        return self._waiting[0][0] if self._waiting else None

    def take(self, now: float) -> Attempt | None:
        """Begin the next pod; None where none may begin now."""
        while self._waiting and self._waiting[0][0] <= now:
            self._ready.append((heapq.heappop(self._waiting)[2], None))
        limit = self.program.parallelism
        if not self._ready or self._stopping or (limit and len(self.running) >= limit):
            return None
        self._begin(now)
        unit, node = self._ready.popleft()
        attempt = self._attempt(unit, node, now)
        self.running[attempt.node.id] = attempt
        return attempt

    def finish(self, attempt: Attempt, outcome: Outcome, now: float) -> None:
        """Say how a pod ended."""
        del self.running[attempt.node.id]
        node = attempt.node._replace(
            phase=outcome.phase,
            message=outcome.message,
            finished_at=timestamp(now),
            outputs=_outputs(attempt, outcome),
            progress=self._known[attempt.node.name].progress,
        )
        self._put(_completed(node) if outcome.phase == "Succeeded" else node)
        self._decide(attempt.unit, attempt.template.retry, outcome, node, now)
        self._advance(now)

    def report(self, attempt: Attempt, progress: str) -> None:
        """Take over a pod's own progress, `done/total`; anything else is left out."""
        known = self._known[attempt.node.name]
        if parse_progress(progress) and progress != known.progress:
            self._put(known._replace(progress=progress))

    def stop(self, reason: str, now: float) -> None:
        """Begin no more pods; once the running ones have ended the workflow has failed for `reason`."""
        self._reason = self._reason or reason
        self._advance(now)

    def fail(self, message: str, now: float) -> None:
        """End it at once: it cannot be run."""
        self.head = self.head._replace(
            phase="Error",
            message=message,
            started_at=self.head.started_at or timestamp(now),
            finished_at=timestamp(now),
            expires_at=_expiry(self.program.ttl.failure, now),
        )
        self._touched = True

    def changes(self) -> Changes | None:
        """What was decided since `recorded`; None where nothing was."""
        if not (self._touched or self._changed or self._edges):
            return None
        head = self.head._replace(progress=f"{self._done_sum}/{self._total_sum}")
        return Changes(self.uid, head, tuple(self._changed.values()), tuple(self._edges))

    def recorded(self) -> None:
        """Say that `changes` are on disk."""
        self._changed.clear()
        self._edges.clear()
        self._touched = False

    # --- tasks ----------------------------------------------------------------------------------------------

    @property
    def _stopping(self) -> bool:
        return self._reason is not None or (self.program.fail_fast and self._has_failed)

    @property
    def _has_failed(self) -> bool:
        return any(state.failed for state in self._tasks.values())

    def _advance(self, now: float) -> None:
        """Open the tasks whose time has come; end the workflow when nothing is left to do."""
        for task in self.program.tasks:
            state = self._tasks[task.name]
            if not state.opened and all(self._tasks[name].phase for name in task.dependencies):
                self._open(task, state, now)
            if state.opened and state.phase is None and (state.left == 0 or self._idle):
                self._close(task, state, now)
        if self._idle and not self.over:
            self._end(now)

    @property
    def _idle(self) -> bool:
        """Whether nothing runs and nothing will."""
        return not self.running and (self._stopping or not (self._ready or self._waiting))

    def _open(self, task: Task, state: _TaskState, now: float) -> None:
        state.opened = True
        if any(self._tasks[name].phase not in {"Succeeded", "Skipped"} for name in task.dependencies):
            self._skip(task, state, "Omitted", _OMITTED, now)
            return
        try:
            units = self._units(task)
        except ValueError as exc:
            state.failed = "Error"
            self._skip(task, state, "Error", str(exc), now)
            return
        if not units:
            self._skip(task, state, "Skipped", _NOTHING, now)
            return
        self._make_root(now)
        if task.fans_out:
            self._make_group(task, now)
        state.left = len(units)
        for unit in units:
            self._resume(unit, now)

    def _close(self, task: Task, state: _TaskState, now: float) -> None:
        """Every unit of a task has ended, or none will begin any more."""
        state.phase = state.failed or ("Succeeded" if state.left == 0 else "Failed")
        if task.fans_out:
            group = self._known[self._path(task.name)]
            self._put(group._replace(phase=state.phase, finished_at=timestamp(now)))

    def _skip(self, task: Task, state: _TaskState, phase: str, message: str, now: float) -> None:
        state.phase = phase
        name = self._path(task.name)
        if name not in self._known:
            node = self._node(name, "Skipped", phase, task.template, now)
            self._put(node._replace(message=message, finished_at=node.started_at))
            self._connect(task, node.id)
        state.outbound.append(self._known[name].id)

    def _make_group(self, task: Task, now: float) -> None:
        name = self._path(task.name)
        if name not in self._known:
            node = self._node(name, "TaskGroup", "Running", task.template, now)
            self._put(node)
            self._connect(task, node.id)

    def _units(self, task: Task) -> list[Unit]:
        """The instances of a task.

        Raises:
            ValueError: an earlier task left something else than the list, number or value it should have.
        """
        scope = self._scope | {
            f"tasks.{name}.outputs.parameters.{key}": value
            for name in task.dependencies
            for key, value in self._tasks[name].parameters.items()
        }
        if not task.fans_out:
            return [Unit(task, name=self._path(task.name), arguments=_filled(task, scope))]
        return [
            Unit(
                task,
                name=self._path(f"{task.name}({index}:{item.translate(_NO_PARENTHESES)})"),
                arguments=_filled(task, scope | {"item": item}),
            )
            for index, item in enumerate(_items(task, scope))
        ]

    # --- units and tries ------------------------------------------------------------------------------------

    def _resume(self, unit: Unit, now: float) -> None:
        """Put a unit where the recorded nodes say it is."""
        retry = self.program.templates[unit.task.template].retry
        known = self._known.get(unit.name)
        if known is None:
            self._ready.append((unit, None))
            return
        last = known
        unit.tries = 0 if retry else 1
        while retry and (node := self._known.get(f"{unit.name}({unit.tries})")) is not None:
            last = node
            unit.tries += 1
        if known.phase in DONE:
            self._unit_done(unit, known.phase, last)
        elif last.phase in DONE and retry is not None:
            ended = seconds(last.finished_at) if last.finished_at else now
            self._wait(unit, ended + retry.backoff.before(unit.tries))
        else:
            self._ready.appendleft((unit, last))

    def _attempt(self, unit: Unit, node: Node | None, now: float) -> Attempt:
        template = self.program.templates[unit.task.template]
        arguments = {**template.defaults, **unit.arguments}
        inputs = {f"inputs.parameters.{name}": arguments[name] for name in template.parameters}
        scope = self._scope | inputs
        if node is not None:
            return Attempt(unit, template, node, scope, resumed=True)
        name = unit.name if template.retry is None else f"{unit.name}({unit.tries})"
        node = self._node(name, "Pod", "Running", template.name, now)._replace(
            progress="0/1", inputs=_inputs(template, scope), retried=template.retry is not None
        )
        if unit.tries == 0:
            self._first_try(unit, template, node, now)
        if template.retry is not None:
            self._edges.append((node_id(self.program.name, unit.name), node.id))
        unit.tries += 1
        self._put(node)
        return Attempt(unit, template, node, scope, resumed=False)

    def _first_try(self, unit: Unit, template: PodTemplate, node: Node, now: float) -> None:
        top = node
        if template.retry is not None:
            top = self._node(unit.name, "Retry", "Running", template.name, now)._replace(inputs=node.inputs)
            self._put(top)
        if unit.task.fans_out:
            self._edges.append((self._known[self._path(unit.task.name)].id, top.id))
        else:
            self._connect(unit.task, top.id)

    def _decide(self, unit: Unit, retry: Retry | None, outcome: Outcome, node: Node, now: float) -> None:
        """Try again, or close the unit."""
        if retry is not None:
            refusal = self._refusal(unit, retry, outcome)
            if refusal is None and outcome.phase in FAILED:
                self._wait(unit, now + retry.backoff.before(unit.tries))
                return
            parent = self._known[unit.name]
            self._put(
                parent._replace(
                    phase=outcome.phase, message=refusal, finished_at=timestamp(now), outputs=node.outputs
                )
            )
        self._unit_done(unit, outcome.phase, node)

    def _refusal(self, unit: Unit, retry: Retry, outcome: Outcome) -> str | None:
        """Why a failed pod is not tried again; None where it is, or did not fail.

        Source: processNodeRetries in workflow/controller/operator.go of argo-workflows.
        """
        if outcome.phase not in FAILED:
            return None
        if self._reason is not None:
            return self._reason
        policies = {"Failed": {"Always", "OnFailure"}, "Error": {"Always", "OnError"}}[outcome.phase]
        if retry.policy not in policies:
            return outcome.message
        if retry.limit is not None and unit.tries > retry.limit:
            return "No more retries left"
        if retry.selective and not is_worth_retrying(
            phase=outcome.phase, exit_code=outcome.exit_code, message=outcome.message or ""
        ):
            return "retryStrategy.expression evaluated to false"
        return None

    def _wait(self, unit: Unit, until: float) -> None:
        heapq.heappush(self._waiting, (until, next(self._numbers), unit))

    def _unit_done(self, unit: Unit, phase: str, last: Node) -> None:
        state = self._tasks[unit.task.name]
        state.left -= 1
        state.outbound.append(last.id)
        if phase in FAILED:
            state.failed = phase
        elif not unit.task.fans_out:
            outputs = json.loads(last.outputs or "{}")
            state.parameters = {entry["name"]: entry["value"] for entry in outputs.get("parameters", ())}

    # --- the whole ------------------------------------------------------------------------------------------

    def _begin(self, now: float) -> None:
        """The workflow runs from its first pod on; while it waits for room it is Pending."""
        if self.head.phase == "Pending":
            self.head = self.head._replace(phase="Running", started_at=timestamp(now))
            self._touched = True

    def _make_root(self, now: float) -> None:
        name = self.program.name
        if name not in self._known:
            self._put(
                self._node(name, "DAG", "Running", self.program.entrypoint, now)._replace(boundary=None)
            )

    def _end(self, now: float) -> None:
        self._make_root(now)
        failed = self._reason is not None or self._has_failed
        phase = "Succeeded" if not failed else "Error" if self._only_errors else "Failed"
        message = self._reason or (_FAIL_FAST if failed and self._ready else None)
        for node in [node for node in self._known.values() if node.phase not in DONE]:
            last = phase if node.type == "DAG" else "Failed"
            self._put(node._replace(phase=last, message=message, finished_at=timestamp(now)))
        kept = self.program.ttl.success if phase == "Succeeded" else self.program.ttl.failure
        self.head = self.head._replace(
            phase=phase,
            message=message,
            started_at=self.head.started_at or timestamp(now),
            finished_at=timestamp(now),
            expires_at=_expiry(kept, now),
        )
        self._touched = True

    @property
    def _only_errors(self) -> bool:
        return self._reason is None and {s.failed for s in self._tasks.values()} <= {None, "Error"}

    def _path(self, task: str) -> str:
        return f"{self.program.name}.{task}"

    def _node(self, name: str, kind: str, phase: str, template: str, now: float) -> Node:
        workflow = self.program.name
        return Node(
            id=node_id(workflow, name),
            name=name,
            display_name=name.removeprefix(f"{workflow}."),
            type=kind,
            phase=phase,
            template=template,
            boundary=workflow,
            started_at=timestamp(now),
        )

    def _connect(self, task: Task, child: str) -> None:
        """Hang a node below the nodes of the tasks that its task depends on, or below the DAG."""
        parents = [node for name in task.dependencies for node in self._tasks[name].outbound]
        self._edges.extend((parent, child) for parent in parents or [self.program.name])

    def _put(self, node: Node) -> None:
        self._known[node.name] = node
        self._changed[node.id] = node
        if node.progress is not None and (progress := parse_progress(node.progress)) is not None:
            done, total = self._progress.get(node.id, (0, 0))
            self._done_sum += progress[0] - done
            self._total_sum += progress[1] - total
            self._progress[node.id] = progress


def _items(task: Task, scope: dict[str, str]) -> list[str]:
    """What a task fans out over; what is no string is given as JSON."""
    if task.sequence is not None:
        start, count = (int(fill(text, scope)) for text in task.sequence)
        return [str(number) for number in range(start, start + count)]
    items = json.loads(fill(task.param or "", scope))
    if not isinstance(items, list):
        raise ValueError(  # noqa: TRY004  the value came from a task
            f"withParam value could not be parsed as a JSON list: {task.param}"
        )
    return [item if isinstance(item, str) else json.dumps(item, separators=(",", ":")) for item in items]


def _filled(task: Task, scope: dict[str, str]) -> dict[str, str]:
    return {name: fill(value, scope) for name, value in task.arguments.items()}


def _completed(node: Node) -> Node:
    _, total = parse_progress(node.progress) or (0, 1)
    return node._replace(progress=f"{total}/{total}")


def _inputs(template: PodTemplate, scope: dict[str, str]) -> str | None:
    parameters = [{"name": name, "value": scope[f"inputs.parameters.{name}"]} for name in template.parameters]
    artifacts = [
        {"name": artifact.name, "path": artifact.path, "s3": {"key": fill(artifact.key, scope)}}
        for artifact in template.inputs
    ]
    found = {"parameters": parameters, "artifacts": artifacts}
    return (
        json.dumps({key: value for key, value in found.items() if value}) if parameters or artifacts else None
    )


def _outputs(attempt: Attempt, outcome: Outcome) -> str | None:
    found: dict[str, Any] = {}
    if outcome.exit_code is not None:
        found["exitCode"] = str(outcome.exit_code)
    if outcome.parameters:
        found["parameters"] = [{"name": name, "value": value} for name, value in outcome.parameters]
    if outcome.phase == "Succeeded" and attempt.template.outputs:
        found["artifacts"] = [
            {"name": artifact.name, "path": artifact.path, "s3": {"key": fill(artifact.key, attempt.scope)}}
            for artifact in attempt.template.outputs
        ]
    return json.dumps(found) if found else None


def _expiry(kept: int | None, now: float) -> float | None:
    return None if kept is None else now + kept
