from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_local.engine import events
from support.engine import NAMESPACE, Machine, engine_threads, fan_out, mount, shell, task, workflow
from support.http import Answer, FileServer, Request


class Sink:
    """Takes events; `status` is what it answers."""

    def __init__(self, server: FileServer) -> None:
        self.url = f"{server.url}/events/argo"
        self.status = 200
        self.taking = threading.Event()
        """Cleared, what has come is not answered yet."""
        self.taking.set()
        self.events: list[tuple[float, Request]] = []
        server.routes["/events/argo"] = self._take

    def _take(self, request: Request) -> Answer:
        self.events.append((time.monotonic(), request))
        self.taking.wait()
        return Answer(status=self.status)

    def changes(self) -> list[tuple[str, str, str | None]]:
        """(type, workflow, phase) of every event so far."""
        found = []
        for _, request in list(self.events):
            body = json.loads(request.body)
            found.append(
                (
                    request.headers["Ce-Type"].rpartition(".")[2],
                    body["metadata"]["name"],
                    body["status"].get("phase"),
                )
            )
        return found

    def wait_for(self, *wanted: str | None) -> tuple[float, Request]:
        """The first event that is (type, workflow, phase)."""
        deadline = time.monotonic() + 300
        while wanted not in self.changes():
            assert time.monotonic() < deadline, f"{wanted} is not in {self.changes()}"
            time.sleep(0.005)
        return self.events[self.changes().index(wanted)]


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with FileServer(tmp_path) as server:
        yield Sink(server)


def hello(name: str):
    return workflow(name, tasks=[task("hello")], templates=[shell("hello", "true")])


def held(name: str):
    """A workflow with tasks that wait until the volume has a file `go`."""
    wait = "while [ ! -e /mnt/workflow/go ]; do sleep 0.02; done"
    template = shell("t", wait, partitioned=True, mounts=[mount("/mnt/workflow")])
    return workflow(name, tasks=[fan_out("t", 50)], templates=[template])


def let_go(machine: Machine, sink: Sink) -> None:
    """Have a held workflow go on once its first event has come; a later end would be merged with it."""
    while not sink.events:
        time.sleep(0.005)
    (machine.volume / "go").touch()


def test_changes_are_sent_as_events_of_an_api_server_source(sink: Sink, tmp_path: Path) -> None:
    with Machine(tmp_path / "m", events_url=sink.url) as machine:
        machine.create(held("reported"))
        let_go(machine, sink)
        _, request = sink.wait_for("update", "reported", "Succeeded")
        machine.call("DELETE", "/reported")
        sink.wait_for("delete", "reported", "Succeeded")
        while machine.engine.busy():
            time.sleep(0.01)
    headers = request.headers
    assert headers["Content-Type"] == "application/json"
    assert headers["Ce-Specversion"] == "1.0"
    assert headers["Ce-Type"] == "dev.knative.apiserver.resource.update"
    assert headers["Ce-Subject"] == f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/workflows/reported"
    assert (headers["Ce-Kind"], headers["Ce-Name"], headers["Ce-Namespace"]) == (
        "Workflow",
        "reported",
        NAMESPACE,
    )
    assert headers["Ce-Apiversion"] == "argoproj.io/v1alpha1"
    assert sink.changes()[0][0] == "add"
    assert len({request.headers["Ce-Id"] for _, request in sink.events}) == len(sink.events)
    versions = [int(json.loads(request.body)["metadata"]["resourceVersion"]) for _, request in sink.events]
    assert versions == sorted(versions)


def test_the_end_of_a_workflow_is_sent_immediately(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_MIN_PAUSE_SECONDS", 600)
    monkeypatch.setattr(events, "_MAX_PAUSE_SECONDS", 600)
    with Machine(tmp_path / "m", events_url=sink.url) as machine:
        machine.create(held("quick"))
        let_go(machine, sink)
        machine.wait("quick")
        sink.wait_for("update", "quick", "Succeeded")


def test_an_event_is_sent_until_it_is_accepted(sink: Sink, tmp_path: Path) -> None:
    sink.status = 503
    with Machine(tmp_path / "m", events_url=sink.url) as machine:
        machine.create(hello("patient"))
        machine.wait("patient")
        assert machine.engine.busy(), "a change is still to be delivered"
        sink.status = 200
        sink.wait_for("add", "patient", "Succeeded")
        deadline = time.monotonic() + 300
        while machine.engine.busy():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_permanently_rejected_event_is_not_repeated(sink: Sink, tmp_path: Path) -> None:
    sink.status = 422
    with Machine(tmp_path / "m", events_url=sink.url) as machine:
        machine.create(hello("refused"))
        machine.wait("refused")
        while machine.engine.busy():
            time.sleep(0.01)
        count = len(sink.events)
        time.sleep(0.3)
        assert len(sink.events) == count


def test_after_a_restart_all_states_and_unsent_deletions_are_sent(sink: Sink, tmp_path: Path) -> None:
    with Machine(tmp_path / "m") as machine:  # nobody listens
        for name in ("kept", "deleted"):
            machine.create(hello(name))
            machine.wait(name)
        machine.call("DELETE", "/deleted")
    with Machine(tmp_path / "m", events_url=sink.url):
        sink.wait_for("add", "kept", "Succeeded")
        sink.wait_for("delete", "deleted", "Succeeded")


def test_changes_are_merged_into_few_events_if_the_receiver_is_slow(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_TIMEOUT_SECONDS", 600)
    sink.taking.clear()
    with Machine(tmp_path / "m", events_url=sink.url) as machine:
        machine.create(held("many"))
        let_go(machine, sink)
        machine.wait("many")
        sink.taking.set()
        sink.wait_for("update", "many", "Succeeded")
        assert len(sink.events) == 2, "what was on its way, and all that came after it"


def test_a_receiver_that_is_slow_once_hears_soon_that_a_workflow_is_running(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_PAUSE_FACTOR", 1e6)
    monkeypatch.setattr(events, "_MAX_PAUSE_SECONDS", 600)
    sink.taking.clear()
    with Machine(tmp_path / "m", events_url=sink.url) as machine:
        endless = shell("t", "sleep 600")
        machine.create(workflow("begun", tasks=[task("t")], templates=[endless]))
        while not sink.events:
            time.sleep(0.005)
        sink.taking.set()
        deadline = time.monotonic() + 60
        while "Running" not in [phase for _, _, phase in sink.changes()]:
            assert time.monotonic() < deadline, sink.changes()
            time.sleep(0.005)


def test_stopping_does_not_wait_for_an_unreachable_receiver(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with Machine(tmp_path, events_url="http://127.0.0.1:9/") as machine:
        machine.create(hello("alone"))
        machine.wait("alone")
        assert machine.engine.busy(), "a change is still to be delivered"
    assert engine_threads(before) == []
