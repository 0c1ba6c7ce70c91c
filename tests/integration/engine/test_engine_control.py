from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from support.engine import NAMESPACE, Machine, fan_out, mount, nodes, phases, shell, task, workflow


@pytest.fixture
def machine(tmp_path: Path):
    with Machine(tmp_path) as machine:
        yield machine


def hello(name: str, **spec):
    return workflow(name, tasks=[task("hello")], templates=[shell("hello", "echo hi")], **spec)


def test_creating_answers_with_the_workflow_and_a_second_one_of_the_name_is_a_conflict(
    machine: Machine,
) -> None:
    created = machine.create(hello("one"))
    assert created["metadata"]["namespace"] == NAMESPACE
    assert created["metadata"]["uid"]
    assert created["metadata"]["labels"]["ogdc/run"] == "one"
    status, answer = machine.call("POST", body={"workflow": hello("one")})
    assert (status, answer) == (409, {"code": 6, "message": 'workflows.argoproj.io "one" already exists'})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"no json", "not JSON"),
        ([], "not a JSON object"),
        ({}, "expected an object"),
        ({"workflow": {"metadata": {"name": "../x"}}}, "DNS label"),
        ({"workflow": hello("x") | {"spec": {"suspend": True}}}, "spec.suspend"),
    ],
)
def test_a_manifest_that_cannot_run_is_rejected_on_creation(machine: Machine, body, message: str) -> None:
    status, answer = machine.call("POST", body=body)
    assert (status, answer["code"]) == (400, 3)
    assert message in answer["message"]


def test_another_namespace_is_refused(machine: Machine) -> None:
    manifest = hello("elsewhere")
    manifest["metadata"]["namespace"] = "other"
    assert machine.call("POST", body={"workflow": manifest})[0] == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/no"), ("DELETE", "/no"), ("PUT", "/no/retry"), ("PUT", "/no/terminate"), ("GET", "/no/log")],
)
def test_an_unknown_workflow_is_not_found(machine: Machine, method: str, path: str) -> None:
    assert machine.call(method, path) == (404, {"code": 5, "message": 'workflows.argoproj.io "no" not found'})


def test_unsupported_calls_of_the_argo_server_are_rejected(machine: Machine) -> None:
    status, answer = machine.call("PUT", "/x/suspend")
    assert status == 405
    assert "/x/suspend is not offered" in answer["message"]


def test_terminating_stops_the_processes_and_omits_the_rest(machine: Machine) -> None:
    sleep = shell(
        "sleep",
        "trap 'echo stopped; exit 143' TERM; echo up > /mnt/workflow/up; sleep 60 & wait",
        mounts=[mount("/mnt/workflow")],
    )
    machine.create(
        workflow(
            "stop",
            tasks=[task("sleep"), task("next", depends="sleep")],
            templates=[sleep, shell("next", "true")],
        )
    )
    machine.wait_for_file(machine.volume / "up")
    status, answer = machine.call("PUT", "/stop/terminate", body={})
    assert (status, answer["spec"]["shutdown"]) == (200, "Terminate")
    found = machine.wait("stop")
    assert found["status"]["phase"] == "Failed"
    assert found["status"]["message"] == "Stopped with strategy 'Terminate'"
    assert nodes(found)["sleep"]["message"] == "workflow shutdown with strategy:  Terminate"
    assert phases(found)["next"] == "Omitted"
    assert machine.log("stop") == ["stopped"]
    assert machine.call("PUT", "/stop/terminate", body={})[0] == 400


def test_a_task_that_ignores_sigterm_is_killed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ogdc_local.engine.running_pod._GRACE_SECONDS", 0.2)
    deaf = shell(
        "deaf", "trap '' TERM; echo up > /mnt/workflow/up; sleep 60", mounts=[mount("/mnt/workflow")]
    )
    machine.create(workflow("deaf", tasks=[task("deaf")], templates=[deaf]))
    machine.wait_for_file(machine.volume / "up")
    machine.call("PUT", "/deaf/terminate", body={})
    assert machine.wait("deaf")["status"]["message"] == "Stopped with strategy 'Terminate'"


def test_terminating_a_pending_workflow_ends_it(tmp_path: Path) -> None:
    with Machine(tmp_path, slots=1) as machine:
        wait = shell(
            "wait", "while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done", mounts=[mount("/mnt/workflow")]
        )
        machine.create(workflow("busy", tasks=[task("wait")], templates=[wait]))
        machine.create(hello("waiting"))
        machine.call("PUT", "/waiting/terminate", body={})
        assert machine.wait("waiting")["status"]["phase"] == "Failed"
        (machine.volume / "go").touch()
        machine.wait("busy")


def test_retry_repeats_only_failed_tasks(machine: Machine) -> None:
    script = "echo run $1; [ $1 != 1 ] || [ -e /mnt/workflow/mended ]"
    process = shell("process", script, partitioned=True, mounts=[mount("/mnt/workflow")])
    manifest = workflow(
        "mend",
        tasks=[fan_out("process", 2), task("publish", depends="process")],
        templates=[process, shell("publish", "echo published")],
    )
    machine.create(manifest)
    failed = machine.wait("mend")
    assert failed["status"]["phase"] == "Failed"
    first = nodes(failed)["process(0:0)"]
    (machine.volume / "mended").touch()
    status, answer = machine.call("PUT", "/mend/retry", body={})
    assert (status, answer["status"]["phase"]) == (200, "Running")
    assert int(answer["metadata"]["resourceVersion"]) > int(failed["metadata"]["resourceVersion"])
    found = machine.wait("mend")
    assert set(phases(found).values()) == {"Succeeded"}
    assert nodes(found)["process(0:0)"]["startedAt"] == first["startedAt"]
    another = "[ogdc-runner] What follows is of another try."
    assert machine.log("mend") == ["run 0", "run 1", another, "run 1", "published"]
    status, answer = machine.call("PUT", "/mend/retry", body={})
    assert (status, answer["message"]) == (400, "Cannot retry a workflow in phase Succeeded")


def test_a_terminated_workflow_can_be_retried(machine: Machine) -> None:
    wait = shell(
        "wait",
        "echo up > /mnt/workflow/up; while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done",
        mounts=[mount("/mnt/workflow")],
        retryStrategy={"limit": 1},
    )
    machine.create(workflow("again", tasks=[task("wait")], templates=[wait]))
    machine.wait_for_file(machine.volume / "up")
    machine.call("PUT", "/again/terminate", body={})
    machine.wait("again")
    (machine.volume / "go").touch()
    machine.call("PUT", "/again/retry", body={})
    found = machine.wait("again")
    assert phases(found) == {"again": "Succeeded", "wait": "Succeeded", "wait(0)": "Succeeded"}
    assert "shutdown" not in found["spec"]


def test_deleting_a_running_workflow_stops_it_and_forgets_it(machine: Machine, tmp_path: Path) -> None:
    sleep = shell("sleep", "echo up > /mnt/workflow/up; sleep 60", mounts=[mount("/mnt/workflow")])
    machine.create(workflow("gone", tasks=[task("sleep")], templates=[sleep]))
    machine.wait_for_file(machine.volume / "up")
    assert machine.call("DELETE", "/gone") == (200, {})
    assert machine.call("GET", "/gone")[0] == 404
    deadline = time.monotonic() + 300
    while (tmp_path / "logs/gone").exists() or (tmp_path / "tasks/gone").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    machine.create(hello("gone"))
    assert machine.wait("gone")["status"]["phase"] == "Succeeded"


def test_deleting_a_finished_workflow_removes_its_logs(machine: Machine, tmp_path: Path) -> None:
    machine.create(hello("ended"))
    machine.wait("ended")
    assert (tmp_path / "logs/ended").is_dir()
    machine.call("DELETE", "/ended")
    deadline = time.monotonic() + 300
    while (tmp_path / "logs/ended").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_logs_of_workflows_that_are_gone_are_removed_at_start(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.create(hello("stays"))
        machine.wait("stays")
    (tmp_path / "logs/went").mkdir()
    with Machine(tmp_path) as machine:
        assert machine.log("stays") == ["hi"]
    assert not (tmp_path / "logs/went").exists()


def test_a_full_disk_refuses_new_workflows_and_holds_up_the_others(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    writer = machine.engine._store._writer
    script = "echo up > /mnt/workflow/up; while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done"
    wait = shell("wait", script, mounts=[mount("/mnt/workflow")])
    machine.create(workflow("held", tasks=[task("wait")], templates=[wait]))
    machine.wait_for_file(machine.volume / "up")
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    (usual,) = writer.execute("PRAGMA max_page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages}")
    big = hello("big")
    big["metadata"]["annotations"] = {"padding": "x" * 100_000}
    status, answer = machine.call("POST", body={"workflow": big})
    assert (status, answer["code"]) == (503, 14)
    assert "full" in answer["message"]
    machine.engine._store._writer.execute(f"PRAGMA max_page_count = {usual}")
    (machine.volume / "go").touch()
    assert machine.wait("held")["status"]["phase"] == "Succeeded"
    machine.create(big)
    assert machine.wait("big")["status"]["phase"] == "Succeeded"


def test_on_a_full_disk_tasks_that_could_not_start_are_not_counted_as_running(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for room, and the stack gives back what it has kept of that once nothing runs."""
    store, save, full = machine.engine._store, machine.engine._store.save, threading.Event()

    def save_where_there_is_room(*args: Any, **options: Any) -> None:
        if full.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        save(*args, **options)

    monkeypatch.setattr(store, "save", save_where_there_is_room)
    script = "echo up > /mnt/workflow/up; while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done"
    first = shell("first", script, mounts=[mount("/mnt/workflow")])
    tasks = [task("first"), task("second", dependencies=["first"])]
    machine.create(workflow("held", tasks=tasks, templates=[first, shell("second", "true")]))
    machine.wait_for_file(machine.volume / "up")
    full.set()
    (machine.volume / "go").touch()
    deadline = time.monotonic() + 300
    while not machine.engine._scheduler._runner._begun:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not machine.engine.stop_tasks("no room")
    full.clear()
    assert machine.wait("held")["status"]["phase"] == "Failed"


def test_a_stopped_engine_reports_unavailable(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.engine.stop()
        assert machine.call("GET", "/x") == (503, {"code": 14, "message": "the engine is not running"})


def test_workflows_are_listed_by_page(machine: Machine) -> None:
    for name in ("a", "b", "c"):
        machine.create(hello(name))
    _, page = machine.call("GET", listOptions__limit="2")
    _, rest = machine.call("GET", listOptions__limit="2", listOptions__continue=page["metadata"]["continue"])
    assert [len(page["items"]), len(rest["items"])] == [2, 1]
    assert "continue" not in rest["metadata"]
    assert machine.call("GET", listOptions__labelSelector="ogdc/run")[0] == 400


def test_logs_are_read_by_pod_and_from_the_end(machine: Machine) -> None:
    many = shell("many", "seq 100000; printf 'no newline'", partitioned=True)
    machine.create(workflow("logs", tasks=[fan_out("many", 2)], templates=[many]))
    found = machine.wait("logs")
    assert len(machine.log("logs")) == 200_002
    assert machine.log("logs", logOptions__tailLines="2") == ["100000", "no newline"] * 2
    pod = f"logs-many-{nodes(found)['many(1:1)']['id'].rpartition('-')[2]}"
    assert len(machine.log("logs", podName=pod)) == 100_001
    assert machine.call("GET", "/logs/log", logOptions__follow="true")[0] == 400


def test_the_engine_is_busy_until_all_work_is_done(machine: Machine) -> None:
    assert not machine.engine.busy()
    wait = shell(
        "wait", "while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done", mounts=[mount("/mnt/workflow")]
    )
    machine.create(workflow("w", tasks=[task("wait")], templates=[wait]))
    assert machine.engine.busy()
    (machine.volume / "go").touch()
    machine.wait("w")
    assert not machine.engine.busy()
