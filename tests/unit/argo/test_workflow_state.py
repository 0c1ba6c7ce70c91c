from __future__ import annotations

import base64
import copy
import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.argo.state import WorkflowState, read_workflow
from ogdc_shared.layout import NOT_VISIBLE
from ogdc_shared.run_warnings import RunWarnings, before_a_failure, one_warning
from support.workflows import workflow_object

NAME = "tiles-abcdefghij"
SHUT_DOWN = "workflow shutdown with strategy:  Terminate"


def pod(node_id: str, display_name: str, *, template: str = "process", **fields: Any) -> dict[str, Any]:
    return {
        "id": node_id,
        "name": f"{NAME}.{display_name}",
        "displayName": display_name,
        "type": "Pod",
        "templateName": template,
        "phase": "Running",
        "startedAt": "2026-11-22T10:00:00Z",
        "finishedAt": None,
    } | fields


def retry(node_id: str, display_name: str, children: list[str], **fields: Any) -> dict[str, Any]:
    return pod(node_id, display_name, **fields) | {"type": "Retry", "children": children}


def failed(message: str = "main: Error (exit code 1)", *, at: int = 30, code: str = "1") -> dict[str, Any]:
    return {
        "phase": "Failed",
        "message": message,
        "finishedAt": f"2026-11-22T10:00:{at:02}Z",
        "outputs": {"exitCode": code},
    }


def partition(number: int) -> dict[str, Any]:
    return {"inputs": {"parameters": [{"name": "partition", "value": str(number)}]}}


def workflow(*nodes: dict[str, Any], spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    running = {
        "phase": "Running",
        "startedAt": "2026-11-22T10:00:00Z",
        "finishedAt": None,
        "progress": "1/3",
        "nodes": {node["id"]: node for node in nodes},
    }
    return workflow_object(
        NAME, namespace="qgnet", uid="u-1", resourceVersion="1042", spec=spec, status=running | status
    )


RETRIED = (
    {"id": NAME, "type": "DAG", "displayName": NAME, "phase": "Running", "children": ["group"]},
    {"id": "group", "type": "TaskGroup", "displayName": "process", "children": ["r0"], "phase": "Running"},
    retry("r0", "process(0:0)", ["p0", "p1"], **partition(0)),
    pod("p0", "process(0:0)(0)", **partition(0), **failed("pod deleted", code="143")),
    pod("p1", "process(0:0)(1)", **partition(0), progress="2/4", startedAt="2026-11-22T10:00:40Z"),
    {"id": "s", "type": "Skipped", "displayName": "publish", "phase": "Omitted", "templateName": "publish"},
)


def test_workflow_the_controller_has_not_seen_is_pending() -> None:
    document = workflow()
    del document["status"]
    state = read_workflow(document)
    assert state == WorkflowState(
        name=NAME,
        namespace="qgnet",
        uid="u-1",
        resource_version=1042,
        phase="Pending",
        message=None,
        progress=None,
        started_at=None,
        finished_at=None,
        tasks=(),
    )


def test_workflow_without_kind_is_read_as_the_argo_server_leaves_it_out() -> None:
    document = workflow()
    del document["kind"]
    assert read_workflow(document).phase == "Running"


def test_times_are_aware() -> None:
    state = read_workflow(workflow(phase="Succeeded", finishedAt="2026-11-22T11:00:00.5+01:00"))
    assert state.started_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert state.finished_at == datetime(2026, 11, 22, 10, 0, 0, 500_000, tzinfo=UTC)


def test_retried_task_is_one_task_that_shows_its_last_attempt() -> None:
    (task,) = read_workflow(workflow(*RETRIED)).tasks
    assert task.node_id == "r0"
    assert (task.name, task.template, task.partition) == ("process(0:0)", "process", 0)
    assert (task.phase, task.progress, task.exit_code, task.message) == ("Running", "2/4", None, None)
    assert task.started_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert task.finished_at is None


def test_task_waiting_for_another_attempt_is_running_and_says_why_the_last_one_failed() -> None:
    nodes = (
        retry("r0", "publish", ["p0"], template="publish"),
        pod("p0", "publish(0)", **failed("pod deleted")),
    )
    (task,) = read_workflow(workflow(*nodes)).tasks
    assert (task.phase, task.message, task.finished_at) == ("Running", "pod deleted", None)


def test_a_task_without_attempts_left_has_the_message_of_its_pod() -> None:
    nodes = (
        retry("r0", "publish", ["p0"], **failed("No more retries left", at=31)),
        pod("p0", "publish(0)", **failed("main: Error (exit code 75): the server is away", at=30, code="75")),
    )
    (task,) = read_workflow(workflow(*nodes)).tasks
    assert (task.phase, task.message, task.exit_code) == ("Failed", "the server is away", 75)
    assert task.finished_at == datetime(2026, 11, 22, 10, 0, 30, tzinfo=UTC)


def test_a_waiting_pod_is_pending_even_if_its_retry_node_is_running() -> None:
    nodes = (
        retry("r0", "publish", ["p0"]),
        pod("p0", "publish(0)", phase="Pending", message="Unschedulable: 0/3 nodes"),
    )
    (task,) = read_workflow(workflow(*nodes)).tasks
    assert (task.phase, task.message) == ("Pending", "no node has room for it now: 0/3 nodes")


def test_an_attempt_without_a_retry_node_is_not_a_task() -> None:
    attempt = pod("p-1", "process(0:0)(0)", nodeFlag={"retried": True}, **failed(), **partition(0))
    state = read_workflow(workflow(retry("r-1", "process(0:0)", []), attempt))
    assert state.tasks == ()


def test_pod_without_retries_is_a_task_of_its_own() -> None:
    (task,) = read_workflow(workflow(pod("p", "publish", template="publish"))).tasks
    assert (task.node_id, task.template, task.partition) == ("p", "publish", None)


def stopped(*nodes: dict[str, Any]) -> WorkflowState:
    document = workflow(
        *nodes, spec={"shutdown": "Terminate"}, phase="Failed", message="Stopped with strategy 'Terminate'"
    )
    return read_workflow(document)


def test_workflow_that_was_stopped_since_a_task_had_failed_says_what_failed() -> None:
    ended = failed("workflow shutdown with strategy:  Terminate", at=29, code="143")
    genuine = failed("main: Error (exit code 1): command 1 of 2 failed", at=30)
    assert stopped(pod("p0", "process(0:0)", **ended)).message == "The run was stopped before it had ended."
    both = stopped(pod("p0", "process(0:0)", **ended), pod("p1", "process(1:1)", **genuine))
    assert both.message == "command 1 of 2 failed"


def test_workflow_that_was_stopped_after_it_had_published_has_succeeded() -> None:
    published = {"template": "publish", "phase": "Succeeded", "finishedAt": "2026-11-22T10:00:30Z"}
    state = stopped(
        retry("r", "publish", ["p0", "p1"], **published),
        pod("p0", "publish(0)", **failed()),
        pod("p1", "publish(1)", **published),
    )
    assert (state.phase, state.message, state.left) == ("Succeeded", None, None)
    assert not state.shut_down


@pytest.mark.parametrize(
    ("ended", "may_have"),
    [
        ({"phase": "Failed", "message": SHUT_DOWN, "hostNodeName": "a"}, True),
        ({"phase": "Failed", "message": SHUT_DOWN}, False),
        ({"phase": "Failed", "message": f"{SHUT_DOWN}, after an attempt that was interrupted"}, True),
        ({"phase": "Failed", "message": "Stopped with strategy 'Terminate'"}, True),
        (failed("workflow shutdown with strategy: Terminate: stopped", code="137"), True),
        (failed("workflow shutdown with strategy: Terminate", code="143"), True),
        (failed(f"workflow shutdown with strategy: Terminate: {NOT_VISIBLE}.", code="143"), False),
        ({"phase": "Omitted"}, False),
    ],
)
def test_workflow_that_was_stopped_while_it_published_says_if_that_may_be_done(
    ended: dict[str, Any], may_have: bool
) -> None:
    state = stopped(pod("p0", "publish", template="publish", **ended))
    assert (state.phase, state.shut_down) == ("Failed", True)
    assert ("may be in place" in (state.left or "")) == may_have


def test_an_earlier_attempt_to_publish_may_have_left_its_result() -> None:
    waits = pod("p1", "publish(1)", template="publish", phase="Failed", message=SHUT_DOWN)
    attempts = [pod("p0", "publish(0)", template="publish", **failed("pod deleted")), waits]
    state = stopped(retry("r", "publish", ["p0", "p1"], template="publish", phase="Failed"), *attempts)
    assert "may be in place" in (state.left or "")


@pytest.mark.parametrize(("output", "may_have"), [("pvc", True), ("dataone", True), ("temporary", False)])
def test_a_zip_is_never_in_place_after_its_run_was_stopped(output: str, may_have: bool) -> None:
    arguments = ["publish", "--run", NAME, "--output", output]
    spec = {"shutdown": "Terminate", "templates": [{"name": "publish", "container": {"args": arguments}}]}
    killed = pod("p0", "publish", template="publish", **failed(SHUT_DOWN, code="137"))
    state = read_workflow(workflow(killed, spec=spec, phase="Failed"))
    assert ("may be in place" in (state.left or "")) == may_have
    assert ("member node" in (state.left or "")) == (output == "dataone")


def test_lack_of_memory_is_a_reason_even_if_the_kernel_killed_the_task() -> None:
    starved = failed("main: OOMKilled (exit code 137)", code="137")
    state = stopped(pod("p0", "process(0:0)", **starved))
    assert "more memory than it may have" in (state.message or "")
    assert not state.shut_down


@pytest.mark.parametrize(
    ("label", "task", "phase", "shutdown", "fails_fast"),
    [
        ("true", "Failed", "Running", None, True),
        ("true", "Error", "Running", None, True),
        ("true", "Running", "Running", None, False),
        ("true", "Failed", "Failed", None, False),
        ("true", "Failed", "Running", "Terminate", False),
        ("false", "Failed", "Running", None, False),
        (None, "Failed", "Running", None, False),
    ],
)
def test_only_a_running_workflow_with_a_failed_task_fails_fast(
    label: str | None, task: str, phase: str, shutdown: str | None, fails_fast: bool
) -> None:
    document = workflow(
        pod("p0", "process(0:0)", phase=task), spec={"shutdown": shutdown} if shutdown else {}, phase=phase
    )
    document["metadata"]["labels"] = {"ogdc/fail-fast": label} if label else None
    assert read_workflow(document).fails_fast == fails_fast


def test_an_attempt_that_will_be_retried_does_not_fail_fast() -> None:
    document = workflow(*RETRIED)
    document["metadata"]["labels"] = {"ogdc/fail-fast": "true"}
    assert not read_workflow(document).fails_fast


def found_by_list(**values: str) -> dict[str, Any]:
    parameters = [{"name": name, "value": value} for name, value in values.items()]
    return {"phase": "Succeeded", "outputs": {"parameters": parameters, "exitCode": "0"}}


def test_the_list_task_reports_the_number_of_partitions() -> None:
    found = found_by_list(partitions="3", files="7", bytes="4096")
    state = read_workflow(workflow(pod("l", "list", template="list", **found)))
    assert (state.partitions, state.input_files, state.input_bytes) == (3, 7, 4096)


def test_a_retried_list_task_reports_it_after_it_succeeded() -> None:
    nodes = [
        retry("r", "list", ["l0", "l1"], template="list"),
        pod("l0", "list(0)", template="list", **failed(code="143")),
        pod("l1", "list(1)", template="list"),
    ]
    assert read_workflow(workflow(*nodes)).partitions is None
    nodes[2] |= found_by_list(partitions="3", files="7", bytes="4096")
    assert read_workflow(workflow(*nodes)).partitions == 3


def test_without_a_list_task_the_number_of_partitions_is_unknown() -> None:
    assert read_workflow(workflow(*RETRIED)).partitions is None


def test_tasks_are_in_the_order_of_their_partitions() -> None:
    nodes = [pod(f"p{n}", f"process({n}:{n})", **partition(n)) for n in (10, 2, 0)]
    state = read_workflow(workflow(pod("z", "publish", template="publish"), *nodes))
    assert [task.partition for task in state.tasks] == [0, 2, 10, None]


def test_a_failed_workflow_has_the_message_of_the_first_failure() -> None:
    state = read_workflow(
        workflow(
            pod("p0", "process(0:0)", **partition(0), **failed("main: Error (exit code 1): late", at=50)),
            pod("p1", "process(1:1)", **partition(1), **failed("main: Error (exit code 1): early", at=20)),
            phase="Failed",
            message="child 'x' failed",
        )
    )
    assert state.message == "early"


def test_a_lost_task_waiting_for_a_retry_is_not_the_reason_of_a_failure() -> None:
    lost = pod(
        "p0", "process(0:0)", **partition(0), **failed("main: Error (exit code 137)", at=20, code="137")
    )
    other = pod("p1", "process(1:1)", **partition(1), **failed("main: Error (exit code 1): for good", at=50))
    assert read_workflow(workflow(lost, other, phase="Failed")).message == "for good"
    assert "killed" in (read_workflow(workflow(lost, phase="Failed")).message or "")


def test_a_failed_workflow_without_task_messages_has_its_own_message() -> None:
    assert read_workflow(workflow(phase="Error", message="bad template")).message == "bad template"


def test_stopped_workflow_says_that_it_was_stopped() -> None:
    state = read_workflow(
        workflow(
            pod("p0", "process(0:0)", **failed("workflow shutdown with strategy:  Terminate", code="143")),
            spec={"shutdown": "Terminate"},
            phase="Failed",
            message="Stopped with strategy 'Terminate'",
        )
    )
    assert state.message == "The run was stopped before it had ended."
    assert state.shut_down


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("main: Error (exit code 1): command 3 of 4 failed", "command 3 of 4 failed"),
        ("main: Error (exit code 64): main: Error (exit code 1): x", "main: Error (exit code 1): x"),
        ("main: Error (exit code 1)", "The task failed without a word: Error (exit code 1)"),
        ("nul \0 and half a \ud83d pair", "nul  and half a ? pair"),
        ("", None),
    ],
)
def test_argos_prefixes_are_removed_from_messages(written: str, read: str | None) -> None:
    (task,) = read_workflow(workflow(pod("p", "publish", **failed(written)))).tasks
    assert task.message == read


def test_compressed_nodes_are_unpacked() -> None:
    plain = workflow(*RETRIED)
    packed = copy.deepcopy(plain)
    nodes = json.dumps(packed["status"].pop("nodes")).encode()
    packed["status"]["compressedNodes"] = base64.b64encode(gzip.compress(nodes)).decode()
    assert read_workflow(packed) == read_workflow(plain)


def test_offloaded_nodes_leave_the_workflow_without_tasks() -> None:
    zstd = base64.b64encode(b"\x28\xb5\x2f\xfd" + b"rest").decode()
    for field, value in (("offloadNodeStatusVersion", "fnv:1"), ("compressedNodes", zstd)):
        document = workflow(nodes=None, phase="Succeeded")
        document["status"][field] = value
        state = read_workflow(document)
        assert (state.phase, state.tasks) == ("Succeeded", ())


def test_oversized_compressed_nodes_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ogdc_shared.argo.nodes._MAX_BYTES", 1000)
    packed = base64.b64encode(gzip.compress(b" " * 2000)).decode()
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        read_workflow(workflow(nodes=None, compressedNodes=packed))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("kind",), "Pod", "a 'Pod', not a Workflow"),
        (("metadata",), "x", "metadata is not a JSON object"),
        (("metadata", "name"), None, "name is missing"),
        (("metadata", "uid"), 7, "uid 7 is not a string"),
        (("metadata", "resourceVersion"), "abc", "resourceVersion 'abc'"),
        (("metadata", "resourceVersion"), "9" * 19, "at most 18 digits"),
        (("status", "phase"), "Confused", "'Confused' is not one of"),
        (("status", "startedAt"), "yesterday", "yesterday"),
        (("status", "startedAt"), "2026-11-22T10:00:00", "no time zone"),
        (("status", "nodes"), [], r"status.nodes: Expected `object \| null`"),
        (("status", "nodes", "r0", "displayName"), None, "displayName is missing"),
        (("status", "nodes", "p1", "outputs"), {"exitCode": "one"}, "exitCode 'one'"),
        (
            ("status", "nodes", "p1", "inputs", "parameters"),
            [{"name": "partition"}],
            "value of parameter 'partition' is missing",
        ),
        (("status", "nodes", "r0", "children"), "p1", r"Expected `array \| null`, got `str`"),
    ],
)
def test_document_of_the_wrong_shape_is_refused_by_name(
    path: tuple[str, ...], value: Any, message: str
) -> None:
    document = copy.deepcopy(workflow(*RETRIED))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=message):
        read_workflow(document)


@pytest.mark.parametrize("packed", ["%%%", base64.b64encode(b"\x1f\x8bnothing").decode()])
def test_nodes_that_cannot_be_unpacked_are_refused(packed: str) -> None:
    with pytest.raises(ValueError, match="compressedNodes"):
        read_workflow(workflow(nodes=None, compressedNodes=packed))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(place for key, inner in entries for place in places(inner, (*path, key)))]


@given(place=st.sampled_from(places(workflow(*RETRIED))), value=JSON)
def test_any_value_anywhere_is_read_or_refused(place: tuple[Any, ...], value: Any) -> None:
    document: Any = {"": copy.deepcopy(workflow(*RETRIED))}
    target = document
    for key in ("", *place)[:-1]:
        target = target[key]
    target[("", *place)[-1]] = value
    try:
        read_workflow(document[""])
    except ValueError:
        return


def test_reading_states_imports_nothing_but_the_standard_library() -> None:
    code = "import sys, ogdc_shared.argo.state, ogdc_shared.argo.client; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"hera", "urllib3", "pydantic", "yaml", "requests"} & set(loaded)


def warned_node(name: str, message: str, phase: str = "Succeeded") -> dict[str, Any]:
    parameter = {"name": "warnings", "value": one_warning("no_data", message).to_json()}
    return pod(name, name, phase=phase, templateName=name, outputs={"parameters": [parameter]})


def test_warnings_come_from_the_outputs_of_list_and_publish() -> None:
    listing = warned_node("list", "few files")
    listing["outputs"]["parameters"] += [{"name": "partitions", "value": "3"}]
    nodes = warned_node("publish", "all zero"), warned_node("process", "forged")
    state = read_workflow(workflow(listing, *nodes))
    assert state.warnings is not None
    assert [each.message for each in state.warnings.first] == ["few files", "all zero"]
    assert state.partitions == 3


@pytest.mark.parametrize("value", [None, "", "no JSON", '{"total": "many"}', "[" * 100_000])
def test_unreadable_warnings_are_ignored(value: str | None) -> None:
    node = warned_node("publish", "")
    node["outputs"]["parameters"] = [{"name": "warnings", "value": value}]
    assert read_workflow(workflow(node)).warnings == RunWarnings()


def test_a_failed_run_counts_the_warnings_of_its_failed_tasks() -> None:
    before = before_a_failure(one_warning("empty_output", "nothing left").plus(one_warning("no_crs", "none")))
    message = f"main: Error (exit code 1): command 2 of 2 failed{before}"
    failed = pod("p", "process(0:0)", phase="Failed", templateName="process", message=message)
    well = pod("q", "process(1:1)", phase="Succeeded", templateName="process")
    assert read_workflow(workflow(failed, well, phase="Failed")).warnings == RunWarnings(2)
    assert read_workflow(workflow(failed, well, phase="Running")).warnings is None


def test_a_failed_run_without_warnings_has_none() -> None:
    failed = pod("p", "process(0:0)", phase="Failed", templateName="process", message="exit code 1")
    assert read_workflow(workflow(failed, phase="Failed")).warnings is None


def test_workflows_of_the_previous_version_have_no_warnings() -> None:
    assert (
        read_workflow(workflow(pod("p", "publish", phase="Succeeded", templateName="publish"))).warnings
        is None
    )


def test_a_succeeded_workflow_is_complete_even_if_an_attempt_was_lost() -> None:
    nodes = (
        retry("r0", "process(0:0)", ["p0", "p1"], phase="Succeeded", **partition(0)),
        pod("p0", "process(0:0)(0)", progress="0/1", **partition(0), **failed("pod deleted", code="143")),
        pod("p1", "process(0:0)(1)", progress="1/1", phase="Succeeded", **partition(0)),
        pod("z", "publish", template="publish", progress="1/1", phase="Succeeded"),
    )
    assert read_workflow(workflow(*nodes, phase="Succeeded", progress="2/3")).progress == "2/2"
    assert read_workflow(workflow(*nodes, progress="2/3")).progress == "2/3"
    assert read_workflow(workflow(phase="Succeeded", progress="2/2")).progress == "2/2"


def test_a_running_workflow_reports_what_its_tasks_wait_for() -> None:
    waiting = [
        pod(
            f"p{n}",
            f"process({n}:{n})",
            phase="Pending",
            message=message,
            startedAt="2026-11-22T10:00:00Z",
            **partition(n),
        )
        for n, message in enumerate(["PodInitializing", "ErrImagePull: not found", "ErrImagePull: not found"])
    ]
    state = read_workflow(workflow(*waiting))
    words = "process(1:1) waits to begin: its image cannot be pulled: not found (and 1 more)"
    assert (state.message, state.waiting) == (words, words)
    assert state.waiting_since == datetime(2026, 11, 22, 10, tzinfo=UTC)
    ended = read_workflow(workflow(*waiting, phase="Failed", message="Step exceeded its deadline"))
    assert (ended.waiting, ended.waiting_since, ended.cut_off) == (None, None, True)


def test_a_timeout_of_a_workflow_is_distinguished_from_a_failure() -> None:
    late = failed("Step exceeded its deadline", at=40, code="143")
    early = failed("main: Error (exit code 1): command 1 of 2 failed", at=30)
    nodes = pod("p0", "process(0:0)", **late), pod("p1", "process(1:1)", **early)
    timed_out = read_workflow(workflow(nodes[0], phase="Failed", spec={"activeDeadlineSeconds": 60}))
    assert timed_out.cut_off
    assert "60 s" in (timed_out.message or "")
    assert "workflow.timeout" in (timed_out.message or "")
    both = read_workflow(workflow(*nodes, phase="Failed"))
    assert (both.message, both.cut_off) == ("command 1 of 2 failed", False)
