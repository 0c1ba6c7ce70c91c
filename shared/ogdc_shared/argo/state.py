"""Parsing the state of a workflow from an Argo `Workflow` object."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from datetime import UTC, datetime
from functools import cache, partial, reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from ogdc_shared.argo.explanations import Limits, ended_by, is_cut_off, may_have_left, read_limits, waits_for
from ogdc_shared.argo.retry import OUT_OF_MEMORY, is_worth_retrying
from ogdc_shared.layout import LIST, LISTED_COUNT_PATHS, PUBLISH, REUSE_TASK, is_list_task, stage_of
from ogdc_shared.phases import FAILED_PHASES, RUN_STATUSES, TERMINAL_PHASES, Phase
from ogdc_shared.published_package import PublishedPackage, read_package
from ogdc_shared.run_warnings import RunWarnings, count_before_failure, read_warnings
from ogdc_shared.telemetry.tracing import Trace, read_trace

if TYPE_CHECKING:
    from ogdc_shared.argo.nodes import Node, Ports

FAIL_FAST_LABEL = "ogdc/fail-fast"
"""`true` on a workflow that is to be stopped once a task has failed (see `runs.fail_fast`)."""

TRACE_ANNOTATION = "ogdc/traceparent"
"""The trace that a workflow's run began in, as W3C's `traceparent`."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

_Object = dict[str, Any]


class TaskState(NamedTuple):
    """One task of a workflow: a pod, or the last of the pods that tried it."""

    node_id: str
    """Id of the Retry node, else of the Pod node, so that it stays the same for all attempts."""
    name: str
    """Argo's displayName, e.g. `process(0:0)`."""
    template: str
    """The name of a stage, such as `process`; of what divides its inputs, such as `list`; or `publish`."""
    partition: int | None
    """Partition of its stage; None if it divides or publishes."""
    phase: str
    """Running also while another attempt is waited for."""
    message: str | None
    """The last attempt's message."""
    progress: str | None
    """`done/total` commands."""
    exit_code: int | None
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def stage(self) -> str:
        """The stage that it belongs to."""
        return stage_of(self.template)


class _Seen(NamedTuple):
    """A task, and Argo's own message about its last attempt."""

    task: TaskState
    message: str | None
    since: datetime | None
    """Since when it has been waiting to start, or None."""
    ran: bool
    """Whether a pod of it is known to have run."""


class WorkflowState(NamedTuple):
    """A workflow at one resourceVersion."""

    name: str
    namespace: str
    uid: str
    resource_version: int
    phase: str
    """Argo's phase; a workflow the controller has not looked at yet is Pending."""
    message: str | None
    """For a failed workflow the first failing task's, for one that goes on what its tasks wait for;
    else the workflow's own message."""
    progress: str | None
    started_at: datetime | None
    finished_at: datetime | None
    tasks: tuple[TaskState, ...]
    """Ordered by template and partition; empty if the object lacks its nodes (see `read_workflow`)."""
    partitions: int | None = None
    """Output of the task `list`, like the next two; None if there is none or it has not finished."""
    input_files: int | None = None
    input_bytes: int | None = None
    reused: int | None = None
    """Number of partitions without a task because an earlier result was reused; None if not determined."""
    fail_fast: bool = False
    """Whether it is to be stopped once a task has failed, and is not being stopped yet."""
    trace: Trace | None = None
    """In which its run began."""
    warnings: RunWarnings | None = None
    """Warnings of the tasks that report them and have succeeded, or None."""
    package: PublishedPackage | None = None
    """The package that `publish` has sent to a member node, or None."""
    nodes_elsewhere: bool = False
    """Whether it has nodes that only the Argo Server can tell."""
    waiting: str | None = None
    """What tasks that have not started wait for, while it runs; None if they are just starting."""
    waiting_since: datetime | None = None
    """Since when the first such task has been waiting; None if there is none, or it is being stopped."""
    cut_off: bool = False
    """Whether it failed because its time was over, with no other reason."""
    shut_down: bool = False
    """Whether it failed because somebody stopped it, with no other reason."""
    left: str | None = None
    """What it may have left although it was stopped, or None."""

    @property
    def fails_fast(self) -> bool:
        """Whether it keeps running although a task has failed permanently and `fail_fast` is set."""
        failed = any(task.phase in FAILED_PHASES for task in self.tasks)
        return self.fail_fast and failed and self.phase not in TERMINAL_PHASES


def read_workflow(workflow: dict[str, Any]) -> WorkflowState:
    """Read a Workflow object as the Kubernetes API or the Argo Server gives it.

    `compressedNodes` (gzip, base64) are unpacked. Nodes offloaded to Argo's database, or compressed in
    another way, are only in what the Argo Server answers: without them there are no tasks, and
    `nodes_elsewhere` says so. Messages are put into words of the recipe (see `words`).

    Raises:
        ValueError: this is no Workflow object, or a field has the wrong shape.

    Source: pkg/apis/workflow/v1alpha1/workflow_types.go of argo-workflows (WorkflowStatus, NodeStatus).
    """
    workflow = _object(workflow, "the document")
    if workflow.get("kind", "Workflow") != "Workflow":
        raise ValueError(f"This is a {workflow['kind']!r}, not a Workflow.")
    metadata = _object(workflow.get("metadata"), "metadata")
    status = _object(workflow.get("status"), "status")
    nodes = _nodes(status)
    elsewhere = any(status.get(field) for field in ("offloadNodeStatusVersion", "compressedNodes"))
    spec = _object(workflow.get("spec"), "spec")
    limits = cache(partial(read_limits, spec))
    seen = sorted(_tasks(nodes, limits=limits), key=_by_template_and_partition)
    tasks = tuple(each.task for each in seen)
    publish = next((each for each in seen if each.task.template == PUBLISH), None)
    phase, message = _end(status, publish)
    found = _put_out(nodes, LIST, LISTED_COUNT_PATHS)
    stopped = spec.get("shutdown") is not None
    reason = _first_failure(seen, stopped=stopped) if phase in FAILED_PHASES else None
    waiting = None if phase in TERMINAL_PHASES else _waiting(tasks)
    since = [each.since for each in seen if each.since and not stopped and phase not in TERMINAL_PHASES]
    version = _required(_text(metadata, "resourceVersion"), "resourceVersion")
    labels = _object(metadata.get("labels"), "metadata.labels")
    return WorkflowState(
        name=_required(_text(metadata, "name"), "name"),
        namespace=_required(_text(metadata, "namespace"), "namespace"),
        uid=_required(_text(metadata, "uid"), "uid"),
        resource_version=_number(version, "resourceVersion", digits=18),
        phase=phase,
        message=(reason and reason.task.message) or waiting or (message and ended_by(message, limits())),
        progress=_progress(status, tasks, phase=phase),
        started_at=_time(_text(status, "startedAt"), "startedAt"),
        finished_at=_time(_text(status, "finishedAt"), "finishedAt"),
        tasks=tasks,
        partitions=found.get("partitions"),
        input_files=found.get("files"),
        input_bytes=found.get("bytes"),
        reused=_put_out(nodes, REUSE_TASK, {"reused"}).get("reused"),
        fail_fast=labels.get(FAIL_FAST_LABEL) == "true" and not stopped,
        trace=read_trace(_object(metadata.get("annotations"), "metadata.annotations").get(TRACE_ANNOTATION)),
        warnings=_warnings(nodes, tasks if phase in FAILED_PHASES else ()),
        package=_package(nodes),
        nodes_elsewhere=elsewhere and not nodes,
        waiting=waiting,
        waiting_since=min(since, default=None),
        cut_off=phase in FAILED_PHASES and is_cut_off(reason.message if reason else message),
        shut_down=phase in FAILED_PHASES and reason is None and stopped,
        left=publish and may_have_left(publish.task.phase, publish.message, spec, ran=publish.ran),
    )


def _end(status: _Object, publish: _Seen | None) -> tuple[str, str | None]:
    """Read Argo's phase and message. A workflow that was stopped after its last task has succeeded."""
    phase = _text(status, "phase") or Phase.PENDING
    if phase not in RUN_STATUSES:
        raise ValueError(f"status.phase {phase!r} is not one of {', '.join(sorted(RUN_STATUSES))}.")
    if phase in FAILED_PHASES and publish and publish.task.phase == Phase.SUCCEEDED:
        return Phase.SUCCEEDED, None
    return phase, _text(status, "message")


def _nodes(status: _Object) -> dict[str, Node]:
    """Read the nodes; what that takes is imported with the first."""
    if status.get("nodes") in (None, {}) and not status.get("compressedNodes"):
        return {}
    from ogdc_shared.argo.nodes import read_nodes

    return read_nodes(status)


def _tasks(nodes: dict[str, Node], *, limits: Callable[[str], Limits]) -> Iterator[_Seen]:
    """Yield one state a task, however often it was tried, and Argo's message about it.

    Where a template has a retryStrategy, a node of type Retry stands for the task; its children of type Pod
    are the attempts, in order. An attempt that no Retry node names yet says nothing of its task.

    Source: operator.go (executeTemplate) and workflow_types.go (NodeFlag) of argo-workflows.
    """
    pods = {node_id for node_id, node in nodes.items() if node.type == "Pod"}
    attempts = {
        node_id: [child for child in node.children or () if child in pods]
        for node_id, node in nodes.items()
        if node.type == "Retry"
    }
    for node_id, pod_ids in attempts.items():
        if pod_ids:
            seen = _task(node_id, node=nodes[node_id], pod=nodes[pod_ids[-1]], limits=limits)
            yield seen._replace(ran=seen.ran or len(pod_ids) > 1)
    for node_id in pods.difference(*attempts.values()):
        flag = nodes[node_id].node_flag
        if flag is None or not flag.retried:
            yield _task(node_id, node=nodes[node_id], pod=nodes[node_id], limits=limits)


def _task(node_id: str, *, node: Node, pod: Node, limits: Callable[[str], Limits]) -> _Seen:
    """Read a task: `node` stands for it, `pod` is its last attempt."""
    template = _required(pod.template_name, "templateName")
    exit_code = pod.outputs and pod.outputs.exit_code
    tried_again = pod.phase in FAILED_PHASES and node.phase not in FAILED_PHASES
    message = _storable(pod.message)
    task = TaskState(
        node_id=node_id,
        name=_required(node.display_name, "displayName"),
        template=template,
        partition=_partition(pod),
        phase=_storable((node if tried_again else pod).phase) or Phase.PENDING,
        message=_message(pod, message, limits(template)),
        progress=_storable(pod.progress),
        exit_code=_number(exit_code, "exitCode") if exit_code else None,
        started_at=_time(node.started_at, "startedAt"),
        finished_at=None if tried_again else _time(pod.finished_at, "finishedAt"),
    )
    since = _time(pod.started_at, "startedAt") if pod.phase == Phase.PENDING else None
    return _Seen(task, message, since, ran=bool(exit_code or pod.host_node_name))


def _put_out(nodes: dict[str, Node], template: str, names: Container[str]) -> dict[str, int]:
    """Read the numeric output parameters of a template's pod if it has succeeded."""
    for node in nodes.values():
        if node.template_name == template and (node.type, node.phase) == ("Pod", Phase.SUCCEEDED):
            return {
                name: _number(value, f"the output parameter {name}", digits=18)
                for name, value in _parameters(node.outputs, names)
            }
    return {}


def _warnings(nodes: dict[str, Node], ended: tuple[TaskState, ...]) -> RunWarnings | None:
    """Read what the tasks warned of: those that list of their own matters, `publish` of all others'.

    Of a run that failed, the tasks (`ended`) that failed say in their messages how many warnings they had.
    """
    by_template = {
        name: read_warnings(text)
        for name, text in _texts(nodes, "warnings")
        if name == PUBLISH or is_list_task(name)
    }
    warned = [by_template[name] for name in sorted(by_template)]
    counts = (count_before_failure(task.message or "") for task in ended if task.phase in FAILED_PHASES)
    warned += [RunWarnings(count) for count in counts if count]
    return reduce(RunWarnings.plus, warned) if warned else None


def _package(nodes: dict[str, Node]) -> PublishedPackage | None:
    """Read what a result was published as."""
    return next((read_package(text) for name, text in _texts(nodes, "package") if name == PUBLISH), None)


def _texts(nodes: dict[str, Node], parameter: str) -> Iterator[tuple[str, str]]:
    """Yield the templates of tasks that have ended well, and what they put out by that name."""
    for node in nodes.values():
        if node.template_name and (node.type, node.phase) == ("Pod", Phase.SUCCEEDED):
            for each in (node.outputs and node.outputs.parameters) or ():
                if each.name == parameter:
                    yield node.template_name, each.value or ""


def _parameters(ports: Ports | None, names: Container[str]) -> Iterator[tuple[str, str]]:
    """Yield names and values of some of the parameters that a node was given, or has put out."""
    for parameter in (ports and ports.parameters) or ():
        if parameter.name in names:
            yield parameter.name, _required(parameter.value, f"the value of parameter {parameter.name!r}")


def _partition(pod: Node) -> int | None:
    for _, value in _parameters(pod.inputs, {"partition"}):
        return _number(value, "the partition")
    return None


def _message(pod: Node, message: str | None, limits: Limits) -> str | None:
    """Put into words what Argo says of a pod."""
    if pod.phase == Phase.PENDING:
        return waits_for(message)
    return message and ended_by(message, limits, _storable(pod.progress))


def _waiting(tasks: tuple[TaskState, ...]) -> str | None:
    """Return what tasks that have not started wait for; None if no obstacle is known."""
    held = [task for task in tasks if task.phase == Phase.PENDING and task.message]
    if not held:
        return None
    others = f" (and {len(held) - 1} more)" if len(held) > 1 else ""
    return f"{held[0].name} waits to begin: {held[0].message}{others}"


def _progress(status: _Object, tasks: tuple[TaskState, ...], *, phase: str) -> str | None:
    """Read how much is done; Argo counts what a lost attempt left undone, also where another did it."""
    counted = _text(status, "progress")
    if phase != Phase.SUCCEEDED or not counted:
        return counted
    sizes = [task.progress.partition("/")[2] for task in tasks if task.progress]
    summed = bool(sizes) and all(map(str.isdecimal, sizes))
    total = str(sum(map(int, sizes))) if summed else counted.partition("/")[2]
    return f"{total}/{total}"


def _first_failure(seen: list[_Seen], *, stopped: bool) -> _Seen | None:
    """Return the task that made a workflow fail; tasks ended by a stop do not count.

    A lost task that waits for a retry ends when another fails permanently; the latter is the reason.
    """
    failed = (
        each
        for each in seen
        if each.task.phase in FAILED_PHASES and each.message and not (stopped and _was_ended(each))
    )
    return min(
        failed, key=lambda each: (_was_lost(each), each.task.finished_at or _END_OF_TIME), default=None
    )


def _was_lost(seen: _Seen) -> bool:
    """Whether a task failed by what another try may not meet."""
    return is_worth_retrying(phase=seen.task.phase, exit_code=seen.task.exit_code, message=seen.message or "")


def _was_ended(seen: _Seen) -> bool:
    """Whether a task was ended from outside, and not for want of memory."""
    return seen.task.exit_code in {None, 137, 143} and not (seen.message or "").startswith(OUT_OF_MEMORY)


def _by_template_and_partition(seen: _Seen) -> tuple[str, int, str]:
    task = seen.task
    return task.template, -1 if task.partition is None else task.partition, task.name


def _object(value: object, what: str) -> _Object:
    """Take a JSON object; null and a missing one are empty, as Go writes them."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not a JSON object.")  # noqa: TRY004  one kind of error for a wrong document
    return value


def _text(fields: _Object, key: str) -> str | None:
    value = fields.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} {value!r} is not a string.")
    return _storable(value)


def _storable(text: str | None) -> str | None:
    """Make a text storable in PostgreSQL (no NUL, no lone surrogates); None if it is empty."""
    if not text or (text.isascii() and "\0" not in text):
        return text or None
    return text.replace("\0", "").encode(errors="replace").decode()


def _required(text: str | None, what: str) -> str:
    text = _storable(text)
    if text is None:
        raise ValueError(f"{what} is missing.")
    return text


def _number(text: str, what: str, *, digits: int = 9) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= digits):
        raise ValueError(f"{what} {text!r} is not a whole number of at most {digits} digits.")
    return int(text)


def _time(text: str | None, what: str) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{what} {text!r} has no time zone.")
    return moment
