"""Replayed hours of events, and outages of services.

The services are processes of their own, under the server they run on; events come over real connections, from
several senders at once, as a broker delivers them.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import urllib3

from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db.database import Database
from ogdc_shared.db.migrate import migrate
from support.argo_server import ArgoServer
from support.effort import THOROUGH
from support.http import closed_port
from support.postgres import PostgresServer
from support.records import submit
from support.runs import bundle, event_headers, recipe_files
from support.services import Service
from support.workflows import workflow_object

HTTP = urllib3.PoolManager(retries=False, timeout=300, maxsize=16)
NAMESPACE = "ogdc"
SENDERS = 8
RUNS = 40 if THOROUGH else 20
TASKS = 3
LIFE = ("Pending", "Running", "Succeeded")
RECORD = """
    SELECT name, status, message, progress, started_at, finished_at, workflow_uid, resource_version,
        tasks_version, task_counts, deleted_at IS NOT NULL
    FROM runs ORDER BY name
"""
TASK_RECORD = """
    SELECT runs.name, node_id, tasks.phase, tasks.message, tasks.finished_at
    FROM tasks JOIN runs ON runs.id = run_id ORDER BY runs.name, node_id
"""


class Event(NamedTuple):
    """One event, to be sent any number of times."""

    headers: dict[str, str]
    body: bytes


def event_of(workflow: Mapping[str, Any], kind: str = "update") -> Event:
    return Event(event_headers(workflow, kind), json.dumps(workflow).encode())


def life(name: str) -> Iterator[Event]:
    """All events of a workflow with some tasks, from its beginning to its end and its deletion."""
    state = partial(workflow_object, name, namespace=NAMESPACE, uid=f"uid-of-{name}")
    moments = [(task, phase) for task in range(TASKS) for phase in LIFE]
    for version, (current, phase) in enumerate(moments, start=1):
        nodes = {
            f"n-{task}": {
                "type": "Pod",
                "displayName": f"process({task}:{task})",
                "templateName": "process",
                "phase": phase if task == current else "Succeeded",
            }
            for task in range(current + 1)
        }
        over = version == len(moments)
        status = {
            "phase": "Succeeded" if over else "Running",
            "progress": f"{current}/{TASKS}",
            "nodes": nodes,
        }
        yield event_of(state(resourceVersion=str(version), status=status))
    yield event_of(state(resourceVersion=str(len(moments) + 1), status=status), kind="delete")


@pytest.fixture
def names(database: Database) -> list[str]:
    """Runs that Argo has reported nothing of yet."""
    with database.transaction() as conn:
        return [submit(conn, f"run-{number:03}").name for number in range(RUNS)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "service.log"


def send(service: Service, events: Sequence[Event]) -> list[int]:
    """Post events from several senders at once; returns the statuses."""

    def post(event: Event) -> int:
        return HTTP.request("POST", f"{service.url}/", body=event.body, headers=event.headers).status

    with ThreadPoolExecutor(SENDERS) as senders:
        return list(senders.map(post, events))


def send_until_taken(service: Service, events: Sequence[Event], *, seconds: float = 60) -> None:
    """Repeat what was not taken, as a broker does."""
    deadline = time.monotonic() + seconds
    while events:
        assert time.monotonic() < deadline, f"{len(events)} events are still not taken"
        statuses = send(service, events)
        assert set(statuses) <= {204, 503}
        events = [event for event, status in zip(events, statuses, strict=True) if status == 503]


def recorded(database: Database) -> tuple[list[Any], list[Any], int]:
    """The runs, their tasks, and how many events are remembered."""
    with database.autocommit() as conn:
        [events] = conn.execute("SELECT count(*) FROM events").fetchone() or (0,)
        return conn.execute(RECORD).fetchall(), conn.execute(TASK_RECORD).fetchall(), events


def test_replaying_an_hour_of_events_changes_nothing(
    environment, database: Database, names: list[str], log: Path
):
    """Each three times, in any order, while the next come: the record is that of each once and in order."""
    hour = [event for name in names for event in life(name)]
    chance = random.Random(7)
    storm = hour * 3
    chance.shuffle(storm)
    with Service("argo_events", log=log) as service:
        assert set(send(service, storm)) == {204}
        after_storm = recorded(database)
        begun = time.monotonic()
        assert set(send(service, hour)) == {204}
        seconds = time.monotonic() - begun
        assert recorded(database) == after_storm

    runs, tasks, events = after_storm
    assert [run[1] for run in runs] == ["Succeeded"] * RUNS
    assert all(run[-1] for run in runs), "each was deleted after its end"
    assert {run[9]["Succeeded"] for run in runs} == {TASKS}
    assert [task[2] for task in tasks] == ["Succeeded"] * (RUNS * TASKS)
    assert events == len(hour)
    assert seconds < 60, "about half a second on an idle machine"


def test_the_record_is_the_same_whether_events_come_in_order_or_not(
    environment, database: Database, names: list[str], log: Path
):
    sent_twice = {name: list(life(name)) for name in names[:10]}
    with Service("argo_events", log=log) as service:
        send(service, [event for name in names[:5] for event in sent_twice[name]])
        shuffled = [event for name in names[5:10] for event in sent_twice[name] * 2]
        random.Random(3).shuffle(shuffled)
        send(service, shuffled)

    runs, _, _ = recorded(database)
    assert len({json.dumps([*run[1:6], *run[7:]], default=str) for run in runs[:10]}) == 1


class Deployment(NamedTuple):
    """Services before a database of their own, which can be killed."""

    postgres: PostgresServer
    settings: DatabaseSettings
    argo_events: Service
    status: Service
    submit: Service
    upload: Service


@pytest.fixture
def deployment(environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Deployment]:
    with ExitStack() as parts:
        directory = parts.enter_context(tempfile.TemporaryDirectory(prefix="ogdc-pg-", dir="/tmp"))
        postgres = PostgresServer(Path(directory))
        postgres.start()
        parts.callback(postgres.stop)
        settings = postgres.make_template()
        database = Database(settings)
        migrate(database)
        database.close()
        environment.setenv("ARGO_TIMEOUT", "20")
        environment.setenv("OGDC_DB_HOST", str(settings.host))
        environment.setenv("OGDC_DB_NAME", str(settings.name))
        services = {
            name: parts.enter_context(Service(name, log=tmp_path / f"{name}.log"))
            for name in ("argo_events", "status", "submit", "upload")
        }
        yield Deployment(postgres, settings, **services)


def ask(service: Service, method: str, path: str, **more: Any) -> tuple[int, Any]:
    response = HTTP.request(method, f"{service.url}{path}", **more)
    return response.status, response.json() if response.data else None


def test_events_are_recorded_after_an_outage_of_the_database(deployment: Deployment, argo: ArgoServer):
    """No answer is untrue, every event is taken in the end, and no service is started anew."""
    recipe = {"body": bundle(recipe_files()), "headers": {"Content-Type": "application/gzip"}}
    _, answer = ask(deployment.submit, "POST", "/submit", **recipe)
    name = answer["recipe_workflow_name"]
    events = [event_of(argo.advance(name, phase)) for phase in ("Running", "Succeeded")]
    send_until_taken(deployment.argo_events, events[:1])
    assert ask(deployment.status, "GET", f"/status/{name}")[1]["status"] == "Running"

    deployment.postgres.kill()

    notification = {"body": b'{"Records": []}', "headers": {"Content-Type": "application/json"}}
    calls: dict[str, Callable[[], tuple[int, Any]]] = {
        "status": lambda: ask(deployment.status, "GET", f"/status/{name}"),
        "submit": lambda: ask(deployment.submit, "POST", "/submit", **recipe),
        "cancel": lambda: ask(deployment.submit, "POST", f"/runs/{name}/cancel"),
        "upload": lambda: ask(deployment.upload, "POST", "/", **notification),
    }
    for call, make in calls.items():
        status, answer = make()
        assert status == 503, call
        assert "try again" in answer["detail"], call
    assert send(deployment.argo_events, events[1:]) == [503]
    assert len(argo.workflows) == 1, "nothing was submitted without a record"

    deployment.postgres.start()

    send_until_taken(deployment.argo_events, events)
    assert ask(deployment.status, "GET", f"/status/{name}")[1]["status"] == "Succeeded"
    assert calls["upload"]()[0] == 200
    assert calls["submit"]()[0] == 409, "published already, says the record"


def test_events_are_recorded_during_an_outage_of_argo(
    environment, database: Database, argo: ArgoServer, tmp_path: Path
):
    """Runs are read as recorded and events are taken; only what needs Argo is refused, without a trace."""
    recipe = {"body": bundle(recipe_files()), "headers": {"Content-Type": "application/gzip"}}
    environment.setenv("ARGO_TIMEOUT", "20")
    with Service("submit", log=tmp_path / "submit.log") as service:
        name = ask(service, "POST", "/submit", **recipe)[1]["recipe_workflow_name"]
    event = event_of(argo.advance(name, "Running"))
    with closed_port() as nowhere, ExitStack() as parts:
        environment.setenv("ARGO_WORKFLOWS_SERVICE_URL", nowhere)
        environment.setenv("OGDC_STALE_SECONDS", "0")
        services = {
            name: parts.enter_context(Service(name, log=tmp_path / f"{name}.log"))
            for name in ("argo_events", "status", "submit")
        }
        assert send(services["argo_events"], [event]) == [204]
        assert ask(services["status"], "GET", f"/status/{name}")[1]["status"] == "Running"
        other = recipe | {"body": bundle(recipe_files("Another"))}
        for method, path, more in (("POST", "/submit", other), ("POST", f"/runs/{name}/cancel", {})):
            status, answer = ask(services["submit"], method, path, **more)
            assert (status, "Argo" in answer["detail"]) == (503, True), path
        assert [run["name"] for run in ask(services["status"], "GET", "/runs")[1]["runs"]] == [name]
