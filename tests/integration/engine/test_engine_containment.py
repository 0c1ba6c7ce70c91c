"""No workflow can stop the engine, neither immediately nor at the next start."""

from __future__ import annotations

import copy
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ogdc_local.sandbox import Container, Exit, RunningTask, probe
from support.engine import Machine, engine_threads, fan_out, mount, nodes, own_label, shell, task, workflow

DEEP = "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')"


def hello(name: str) -> dict[str, Any]:
    return workflow(name, tasks=[task("hello")], templates=[shell("hello", "echo hi")])


def assert_works(machine: Machine, name: str) -> None:
    machine.create(hello(name))
    assert machine.wait(name)["status"]["phase"] == "Succeeded"


@pytest.mark.parametrize(
    "body",
    [
        b'{"workflow": {"metadata": {"name": "x\\u0000"}}}',
        b'{"workflow": {"metadata": {"name": "w", "labels": {"\\ud800": "x"}}}}',
        b'{"workflow": {"spec": {"priority": NaN}}}',
        b'{"workflow": {"spec": {"priority": 1e999}}}',
        b'{"workflow": {"spec": {"priority": ' + b"9" * 5000 + b"}}}",
        b'{"workflow": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"workflow": {"spec": {"podMetadata": ' + b'{"a":' * 100 + b"1" + b"}" * 102,
        b"\xff\xfe",
    ],
    ids=["nul", "surrogate", "nan", "infinity", "digits", "deep", "nested", "bytes"],
)
def test_manifests_that_cannot_be_stored_are_rejected(tmp_path: Path, body: bytes) -> None:
    with Machine(tmp_path) as machine:
        status, answer = machine.call("POST", body=body)
        assert (status, answer["code"]) == (400, 3)
        assert machine.engine.alive


@pytest.mark.parametrize(
    "spec",
    ["{", '{"templates": 7}', "[]", '{"templates": [{"name": "t", "container": {"command": ["\\u0000"]}}]}'],
    ids=["no JSON", "no list", "no object", "nul"],
)
def test_a_damaged_record_ends_only_its_own_workflow(tmp_path: Path, spec: str) -> None:
    with Machine(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "engine.sqlite") as connection:
        connection.execute(
            "INSERT INTO workflows (uid, name, namespace, created_at, revision, labels, annotations, spec,"
            " phase) VALUES ('u', 'poison', 'ogdc', '2026-01-01T00:00:00Z', 1, '{}', '{}', ?, 'Pending')",
            (spec,),
        )
    connection.close()
    for number in range(2):
        with Machine(tmp_path) as machine:
            assert_works(machine, f"plain-{number}")
            found = machine.wait("poison")
            assert found["status"]["phase"] == "Error"
            assert found["status"]["message"]
            assert machine.engine.alive


def test_a_deep_directory_tree_affects_only_its_own_workflow(tmp_path: Path) -> None:
    deep = shell("deep", f'cd "$0" && python3 -c "{DEEP}"', mounts=[mount("/scratch", volume="scratch")])
    deep["container"]["command"][3] = "/scratch"
    with Machine(tmp_path) as machine:
        machine.create(workflow("deep", tasks=[task("deep")], templates=[deep]))
        assert machine.wait("deep")["status"]["phase"] == "Succeeded"
        assert_works(machine, "beside")
    with Machine(tmp_path) as machine:
        assert_works(machine, "after")
    assert list((tmp_path / "tasks").iterdir()) == []


class Faulty:
    """A sandbox that fails in the way a test wants, for containers that run a certain word."""

    def __init__(self, fault: str) -> None:
        self._real = probe(environ=os.environ, label=own_label())
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def start(self, container: Container, **options: Any) -> RunningTask:
        meant = "faulty" in container.argv
        if meant and self._fault == "start":
            raise ValueError("embedded null byte")
        running = self._real.start(container, **options)
        return _FaultyTask(running, self._fault) if meant else running


class _FaultyTask:
    def __init__(self, running: RunningTask, fault: str) -> None:
        self._running = running
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._running, name)

    def poll(self) -> Exit | None:
        ended = self._running.poll()
        if ended is not None and self._fault == "poll":
            raise RecursionError("maximum recursion depth exceeded")
        return ended

    def terminate(self) -> None:
        if self._fault == "terminate":
            raise MemoryError
        self._running.terminate()


@pytest.mark.parametrize("fault", ["start", "poll", "terminate"])
def test_an_internal_error_is_reported_and_affects_one_workflow(tmp_path: Path, fault: str) -> None:
    before = set(threading.enumerate())
    template = shell("faulty", "sleep 600" if fault == "terminate" else "true", mounts=[])
    template["container"]["command"][3] = "faulty"
    with Machine(tmp_path, sandbox=Faulty(fault)) as machine:  # type: ignore[arg-type]
        machine.create(workflow("faulty", tasks=[task("faulty")], templates=[template]))
        if fault == "terminate":
            machine.call("PUT", "/faulty/terminate")
        found = machine.wait("faulty")
        assert found["status"]["phase"] == ("Failed" if fault == "terminate" else "Error")
        assert_works(machine, "beside")
    assert engine_threads(before) == []


def test_a_state_that_cannot_be_recorded_ends_only_its_own_workflow(tmp_path: Path) -> None:
    """A message that no database takes, beside a workflow whose changes go into the same transaction."""
    with Machine(tmp_path) as machine:
        machine.create(
            workflow(
                "nul",
                tasks=[task("says")],
                templates=[shell("says", r"printf 'a\000\355\240\200b' > /dev/termination-log; exit 1")],
            )
        )
        assert_works(machine, "beside")
        assert "a?" in nodes(machine.wait("nul"))["says"]["message"]
    with Machine(tmp_path) as machine:
        assert_works(machine, "after")


# --- mutated manifests ---

NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["", "\0", "..", "/", "/proc", "{{item}}", "{{x}}", "9" * 400, "-1", "1e9", "\ud800", "a/../b"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


def full(name: str) -> dict[str, Any]:
    """A workflow that uses most of what the engine knows."""
    script = "echo 1/2 > $ARGO_PROGRESS_FILE; echo 2 > /tmp/count; echo x > /tmp/out"
    first = shell("first", script, mounts=[mount("/w", part="a")], retryStrategy={"limit": "1"})
    first["outputs"] = {
        "parameters": [{"name": "count", "valueFrom": {"path": "/tmp/count"}}],
        "artifacts": [{"name": "out", "path": "/tmp/out", "s3": {"key": "k"}, "archive": {"none": {}}}],
    }
    second = shell("second", "true", partitioned=True, activeDeadlineSeconds=20)
    second["container"]["env"] = [{"name": "A", "value": "b"}]
    count = "{{tasks.first.outputs.parameters.count}}"
    tasks = [task("first"), fan_out("second", 2, depends="first")]
    tasks[1]["withSequence"] = {"count": count}
    return workflow(name, tasks=tasks, templates=[first, second], parallelism=2, activeDeadlineSeconds=30)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


def put(manifest: Any, path: tuple[Any, ...], value: object) -> None:
    for key in path[:-1]:
        manifest = manifest[key]
    manifest[path[-1]] = value


PLACES = [path for path in places(full("w")) if path[:1] == ("spec",) or path[:2] == ("metadata", "labels")]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("mutated"), slots=3) as machine:
        yield machine


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PLACES), NASTY)
def test_no_manifest_stops_the_engine(running: Machine, path: tuple[Any, ...], value: object) -> None:
    name = f"w-{os.urandom(6).hex()}"
    manifest = copy.deepcopy(full(name))
    put(manifest, path, value)
    status, _ = running.call("POST", body={"workflow": manifest})
    assert status in {200, 400}
    if status == 200:
        assert running.wait(name)["status"]["phase"] in {"Succeeded", "Failed", "Error"}
    assert running.engine.alive


def test_the_engine_still_works_after_all_faults(running: Machine) -> None:
    assert_works(running, "last")
