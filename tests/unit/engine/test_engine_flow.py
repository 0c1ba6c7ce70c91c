from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_local.engine.flow import Flow
from ogdc_local.engine.instances import Attempt, PodResult
from ogdc_local.engine.manifest import read_program
from ogdc_local.engine.nodes import Node
from ogdc_local.engine.records import WorkflowRow
from ogdc_shared.argo.retry import RETRY_EXPRESSION
from ogdc_shared.phases import TERMINAL_NODE_PHASES
from support.engine import CLAIM, fan_out, shell, task, workflow

DONE_WELL = PodResult("Succeeded", None, 0)
FAILED = PodResult("Failed", "main: Error (exit code 1)", 1)
_FOUND = "{{tasks.process.outputs.parameters.n}}"
LOST = PodResult("Error", "the sandbox could not be set up")


class Recorded(NamedTuple):
    """What the store would hold."""

    head: WorkflowRow
    nodes: dict[str, Node]
    edges: set[tuple[str, str]]


class Run:
    """A flow, and a record of its changes that another flow can be made from."""

    def __init__(self, manifest: dict) -> None:
        self.program = read_program(manifest, claims={CLAIM})
        self.now = 1_000_000.0
        self.recorded = Recorded(WorkflowRow("Pending"), {}, set())
        self.begun: list[str] = []
        self.restart()

    def restart(self) -> None:
        """What a killed engine does: only what was recorded is left."""
        self.flow = Flow(
            self.program,
            uid="u",
            namespace="ns",
            head=self.recorded.head,
            nodes=self.recorded.nodes.values(),
            now=self.now,
        )
        self.record()

    def record(self) -> None:
        changes = self.flow.changes()
        if changes is None:
            return
        self.recorded = self.recorded._replace(head=changes.head)
        self.recorded.nodes.update({node.id: node for node in changes.nodes})
        self.recorded.edges.update(changes.edges)
        self.flow.recorded()
        assert self.flow.changes() is None

    def take(self) -> Attempt | None:
        self.now += 1
        self.flow.wake(self.now)
        attempt = self.flow.take(self.now)
        self.record()
        if attempt is not None and not attempt.resumed:
            self.begun.append(attempt.node.display_name)
        return attempt

    def finish(self, attempt: Attempt, outcome: PodResult = DONE_WELL) -> None:
        self.now += 1
        self.flow.finish(attempt, outcome, self.now)
        self.record()

    def phases(self) -> dict[str, str]:
        return {node.display_name: node.phase for node in self.recorded.nodes.values()}

    def to_the_end(self) -> str:
        while not self.flow.over:
            attempt = self.take()
            if attempt is None:
                assert self.flow.wakes_at is not None, f"nothing to do, and not over: {self.phases()}"
                self.now = self.flow.wakes_at
            else:
                self.finish(attempt)
        return self.recorded.head.phase


def two_steps(count: int = 2, **fields) -> dict:
    return workflow(
        "w",
        tasks=[fan_out("process", count), task("publish", depends="process")],
        templates=[shell("process", "x", partitioned=True, **fields), shell("publish", "x")],
    )


def test_nothing_is_running_before_the_first_pod() -> None:
    run = Run(two_steps())
    assert (run.recorded.head.phase, run.recorded.head.started_at) == ("Pending", None)
    assert run.take() is not None
    assert run.recorded.head.phase == "Running"
    assert run.recorded.head.progress == "0/1"


def test_a_task_waits_for_every_task_it_depends_on() -> None:
    run = Run(two_steps())
    first, second = run.take(), run.take()
    assert first is not None
    assert second is not None
    run.finish(first)
    assert run.take() is None
    run.finish(second)
    last = run.take()
    assert last is not None
    assert last.template.name == "publish"
    run.finish(last)
    assert run.recorded.head.phase == "Succeeded"
    assert {child for parent, child in run.recorded.edges if parent == first.node.id} == {last.node.id}


def test_a_run_without_partitions_is_published() -> None:
    run = Run(two_steps(0))
    assert run.to_the_end() == "Succeeded"
    assert run.phases() == {"w": "Succeeded", "process": "Skipped", "publish": "Succeeded"}


@pytest.mark.parametrize(
    ("strategy", "outcomes", "phase", "tries"),
    [
        ({"limit": 2}, [FAILED, FAILED, DONE_WELL], "Succeeded", 3),
        ({"limit": 1}, [FAILED, FAILED], "Failed", 2),
        ({"limit": 5}, [LOST], "Error", 1),
        ({"limit": 5, "retryPolicy": "OnError"}, [LOST, FAILED], "Failed", 2),
        ({"limit": 5, "retryPolicy": "Always"}, [LOST, FAILED, DONE_WELL], "Succeeded", 3),
        ({"limit": 5, "retryPolicy": "OnTransientError"}, [FAILED], "Failed", 1),
        ({"limit": 5, "expression": RETRY_EXPRESSION}, [LOST, FAILED], "Failed", 2),
        (
            {"limit": 5, "expression": RETRY_EXPRESSION},
            [FAILED._replace(exit_code=75), DONE_WELL],
            "Succeeded",
            2,
        ),
    ],
)
def test_a_pod_is_tried_again_as_its_strategy_says(
    strategy: dict, outcomes: list, phase: str, tries: int
) -> None:
    manifest = workflow("w", tasks=[task("t")], templates=[shell("t", "x", retryStrategy=strategy)])
    run = Run(manifest)
    for outcome in outcomes:
        attempt = run.take()
        assert attempt is not None
        run.finish(attempt, outcome)
    assert run.recorded.head.phase == phase
    assert run.begun == [f"t({number})" for number in range(tries)]


def test_a_retry_waits_longer_each_time() -> None:
    strategy = {"limit": 9, "backoff": {"duration": "10s", "factor": 2, "cap": "30s"}}
    run = Run(workflow("w", tasks=[task("t")], templates=[shell("t", "x", retryStrategy=strategy)]))
    waits = []
    for _ in range(4):
        attempt = run.take()
        assert attempt is not None
        run.finish(attempt, FAILED)
        assert run.take() is None
        assert run.flow.wakes_at is not None
        waits.append(run.flow.wakes_at - run.now + 1)
        run.now = run.flow.wakes_at
    assert waits == [10, 20, 30, 30]


def test_without_fail_fast_every_partition_runs() -> None:
    manifest = two_steps(3)
    manifest["spec"]["templates"][0]["dag"]["failFast"] = False
    run = Run(manifest)
    for number in range(3):
        attempt = run.take()
        assert attempt is not None
        run.finish(attempt, FAILED if number == 0 else DONE_WELL)
    assert run.recorded.head.phase == "Failed"
    assert run.begun == ["process(0:0)", "process(1:1)", "process(2:2)"]


def test_an_invalid_number_is_an_error() -> None:
    each = task("each", depends="list", withSequence={"count": "{{tasks.list.outputs.parameters.names}}"})
    outputs = {"parameters": [{"name": "names", "valueFrom": {"path": "/tmp/names"}}]}
    manifest = workflow(
        "w", tasks=[task("list"), each], templates=[shell("list", "x", outputs=outputs), shell("each", "x")]
    )
    run = Run(manifest)
    attempt = run.take()
    assert attempt is not None
    run.finish(attempt, DONE_WELL._replace(parameters=(("names", '{"a": 1}'),)))
    assert run.recorded.head.phase == "Error"
    assert run.phases() == {"w": "Error", "list": "Succeeded", "each": "Error"}


def test_values_of_a_task_are_not_substituted_again() -> None:
    each = task(
        "each",
        depends="list",
        arguments={"parameters": [{"name": "partition", "value": "{{tasks.list.outputs.parameters.names}}"}]},
    )
    outputs = {"parameters": [{"name": "names", "valueFrom": {"path": "/tmp/names"}}]}
    run = Run(
        workflow(
            "w",
            tasks=[task("list"), each],
            templates=[shell("list", "x", outputs=outputs), shell("each", "x", partitioned=True)],
        )
    )
    attempt = run.take()
    assert attempt is not None
    run.finish(attempt, DONE_WELL._replace(parameters=(("names", "{{workflow.name}}"),)))
    attempt = run.take()
    assert attempt is not None
    assert attempt.scope["inputs.parameters.partition"] == "{{workflow.name}}"


@given(
    count=st.integers(0, 6),
    parallelism=st.integers(1, 3),
    limit=st.integers(0, 2),
    fail_fast=st.booleans(),
    choices=st.lists(st.sampled_from(["take", "succeed", "fail", "lose", "kill", "stop"]), max_size=60),
)
def test_in_any_order_of_events_ended_tasks_stay_ended_and_workflows_end(
    count: int, parallelism: int, limit: int, fail_fast: bool, choices: list[str]
) -> None:
    manifest = two_steps(count, retryStrategy={"limit": limit, "retryPolicy": "Always"})
    manifest["spec"]["parallelism"] = parallelism
    manifest["spec"]["templates"][0]["dag"]["failFast"] = fail_fast
    run = Run(manifest)
    running: list[Attempt] = []
    stopped = False
    for choice in choices:
        if run.flow.over:
            break
        if choice == "take":
            attempt = run.take()
            if attempt is not None:
                assert not stopped
                running.append(attempt)
            assert len(running) <= parallelism
        elif choice == "kill":
            running.clear()
            run.restart()
            if stopped and not run.flow.over:
                run.flow.stop("asked to", run.now)
                run.record()
        elif choice == "stop":
            stopped = True
            run.flow.stop("asked to", run.now)
            run.record()
        elif running:
            outcome = {"succeed": DONE_WELL, "fail": FAILED, "lose": LOST}[choice]
            run.finish(running.pop(0), outcome)
    for attempt in running:
        if not run.flow.over:
            run.finish(attempt)
    phase = run.to_the_end() if not run.flow.over else run.recorded.head.phase
    assert len(run.begun) == len(set(run.begun)), "no try begins twice"
    assert set(run.phases().values()) <= TERMINAL_NODE_PHASES
    assert run.phases()["w"] == phase
    if phase == "Succeeded":
        done, _, total = (run.recorded.head.progress or "").partition("/")
        assert run.phases()["publish"] == "Succeeded"
        assert int(done) <= int(total)
    restarted = run.recorded
    assert restarted.head.finished_at is not None


def test_the_last_task_is_known_before_its_turn() -> None:
    templates = [shell("process", "true", partitioned=True), shell("publish", "true")]
    run = Run(
        workflow("w", tasks=[fan_out("process", 2), task("publish", depends="process")], templates=templates)
    )
    first = run.flow.take(run.now)
    assert first is not None
    assert run.flow.comes_last() is None, "one of the partitions has not started"
    second = run.flow.take(run.now)
    assert second is not None
    before = run.flow.changes()
    last = run.flow.comes_last()
    assert run.flow.changes() == before, "nothing is decided by looking"
    run.flow.finish(first, DONE_WELL, run.now)
    run.flow.finish(second, DONE_WELL, run.now)
    taken = run.flow.take(run.now)

    assert last is not None
    assert taken is not None
    assert (last.node.id, last.scope, last.template) == (taken.node.id, taken.scope, taken.template)
    assert run.flow.comes_last() is None


def test_a_task_with_unknown_values_or_without_a_turn_is_not_known() -> None:
    last = task("last", arguments={"parameters": [{"name": "partition", "value": _FOUND}]}, depends="process")
    templates = [
        shell("process", "true", outputs={"parameters": [{"name": "n", "valueFrom": {"path": "/tmp/n"}}]}),
        shell("last", "true", partitioned=True),
    ]
    run = Run(workflow("w", tasks=[task("process"), last], templates=templates))
    assert run.flow.take(run.now) is not None
    assert run.flow.comes_last() is None
    run.flow.stop("enough", run.now)
    assert run.flow.comes_last() is None
