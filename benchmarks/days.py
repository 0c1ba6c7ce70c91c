"""Simulated days of a busy deployment in sequence, then increasing load until something cannot keep up.

The functions, PostgreSQL and artifact store are real. Runs are submitted, reported by the same events as from
Argo, and leave a log and facts for each task; the sweep runs as often as on a cluster and removes expired
data; meanwhile lists, runs and jobs are requested. PostgreSQL's clock, which alone determines ages, is moved
forward whenever nothing is in progress, so that a day takes minutes.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from itertools import chain, count, cycle, islice
from pathlib import Path
from statistics import quantiles
from threading import Event
from typing import NamedTuple

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.memory import memory_directory
from benchmarks.records import BUNDLE_HEADERS, workflow_event, write_recipe
from benchmarks.service import Service
from benchmarks.workflows import Workflow
from ogdc_shared.db.database import Database
from ogdc_shared.layout import facts_key, log_key
from ogdc_shared.recipe.bundle import pack
from ogdc_shared.sweep import REMOVAL_SECONDS

_CLIENTS = 9
_STEPS = 6
"""Of the clock a day."""
_SWEEP = "a sweep"
_SWEEPS = 144 // _STEPS
_LOG_BYTES, _FACTS_BYTES = 2000, 1500
_KEPT = {"OGDC_LOG_DAYS": "1", "OGDC_TASK_DAYS": "1", "OGDC_RUN_DAYS": "2", "OGDC_EVENT_DAYS": "1"}
_RECIPES = 200
_NUMBERS = count()
_READS = ("/runs", "/runs?status=Running", "/jobs", "/runs/{}", "/status/{}")
_BETWEEN_READS, _BETWEEN_SWEEPS = 0.2, 1.0
"""Seconds."""
_AT_ITS_END = {
    "runs in the record": "SELECT count(*) FROM runs",
    "tasks in the record": "SELECT count(*) FROM tasks",
    "ids of events": "SELECT count(*) FROM events",
    "runs whose tasks are overdue": (
        "SELECT count(*) FROM runs"
        " WHERE tasks_removed_at IS NULL AND submitted_at < now() - interval '28 hours'"
    ),
    "MiB of the record": "SELECT pg_database_size(current_database()) / 1048576.0",
}
_TASKS, _MOMENTS, _RISING = 1000, 12, 10
"""Of the runs whose events come ever faster, and how many those are."""
_MAX_LAG = 1.0
"""Seconds; where one event of twenty is later, the functions do not follow."""
_RATES = (5, 10, 20, 40, 80, 160)
"""Events a second."""
_RATE_SECONDS = 10.0
_SENDERS = 40


class Shape(NamedTuple):
    """Of the days."""

    days: int
    runs: int
    """A day."""
    tasks: int
    """A run."""
    events: int
    """A run."""


_SHAPES = {True: Shape(4, 240, 20, 4), False: Shape(4, 2000, 200, 10)}
"""A quick look's, and others'."""


class Deployment(NamedTuple):
    """What is simulated."""

    bench: Bench
    submit: Service
    events: Service
    status: Service
    shape: Shape
    times: dict[str, list[float]]
    """Milliseconds of requests by what was asked."""

    def ask(self, what: str, service: Service, method: str, path: str, **sent: object) -> bytes:
        """Make a request and note how long it took."""
        begun = time.perf_counter()
        answer = service.ask(method, path, **sent)  # type: ignore[arg-type]
        self.times.setdefault(what, []).append(1000 * (time.perf_counter() - begun))
        return answer


def measure_days(bench: Bench) -> list[Figure]:
    """Simulate days, then raise the rate of events until they lag."""
    return simulate(bench, _SHAPES[bench.effort.repetitions <= 3])


def simulate(bench: Bench, shape: Shape) -> list[Figure]:
    """Simulate days of a shape."""
    site, times = bench.site, dict[str, list[float]]()
    clock = _DatabaseTime(site.database, site.data)
    with (
        site.service("submit", OGDC_STALE_SECONDS="86400", **_KEPT) as submit,
        site.service("argo_events") as events,
        site.service("status") as status,
    ):
        for service in (submit, events, status):
            service.ask("GET", "/healthz")  # so that no request has to wait for a start
        deployment = Deployment(bench, submit, events, status, shape, times)
        figures = list(chain.from_iterable(_day(deployment, clock, day) for day in range(shape.days)))
        figures += [_figure(f"{what}, under load", values) for what, values in sorted(times.items())]
        return figures + _raised(deployment)


def _figure(what: str, milliseconds: list[float]) -> Figure:
    cuts = quantiles(milliseconds, n=20, method="inclusive")
    return Figure(f"{what}: p50, p95, most", "ms", (cuts[9], cuts[18], max(milliseconds)))


class _DatabaseTime:
    """PostgreSQL's, which can be put forward: `now` and `clock_timestamp` of a schema before its own."""

    def __init__(self, database: Database, data: Path) -> None:
        self._database = database
        self._settings = data / "postgresql.auto.conf"
        self._hours = 0
        self.forward(0)
        with database.autocommit() as conn:
            conn.execute("CREATE SCHEMA clock")
            for name in ("now", "clock_timestamp"):
                conn.execute(
                    f"CREATE FUNCTION clock.{name}() RETURNS timestamptz LANGUAGE sql STABLE AS"
                    f" $$SELECT pg_catalog.{name}() + current_setting('clock.ahead')::interval$$".encode()
                )
            conn.execute(
                f"ALTER DATABASE {conn.info.dbname} SET search_path = clock, pg_catalog, public".encode()
            )
            found = conn.execute(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND column_default = 'now()'"
            ).fetchall()
            for table, column in found:
                conn.execute(f"ALTER TABLE {table} ALTER {column} SET DEFAULT clock.now()".encode())
        database.close()  # the connections that are there have another search path

    def forward(self, hours: int) -> None:
        self._hours += hours
        self._settings.write_text(f"clock.ahead = '{self._hours} hours'\n")
        with self._database.autocommit() as conn:
            conn.execute("SELECT pg_reload_conf()")


def _day(deployment: Deployment, clock: _DatabaseTime, day: int) -> Iterator[Figure]:
    """Let a day go by, and say what there is at its end."""
    begun = time.perf_counter()
    runs = range(deployment.shape.runs // _STEPS)
    for _ in range(_STEPS):
        swept = len(deployment.times.get(_SWEEP, ()))
        with (
            _beside(_reading, deployment),
            _beside(_sweeping, deployment),
            ThreadPoolExecutor(_CLIENTS) as clients,
        ):
            for done in [clients.submit(_run, deployment) for _ in runs]:
                done.result()
        _sweep_on(deployment, swept)
        clock.forward(24 // _STEPS)
    yield Figure(f"day {day + 1}: it took", "s", (time.perf_counter() - begun,))
    with deployment.bench.site.database.autocommit() as conn:
        for what, statement in _AT_ITS_END.items():
            found = conn.execute(statement.encode()).fetchone()
            assert found is not None
            yield Figure(f"day {day + 1}: {what}", "", (float(found[0]),))


def _run(deployment: Deployment) -> None:
    """Let a run begin, leave what its tasks leave, and end."""
    bundle = _bundle(next(_NUMBERS) % _RECIPES)
    answer = deployment.ask(
        "submit", deployment.submit, "POST", "/submit", body=bundle, headers=BUNDLE_HEADERS
    )
    name = json.loads(answer)["recipe_workflow_name"]
    workflow = _workflow(deployment.bench, name, tasks=deployment.shape.tasks)
    artifacts = deployment.bench.site.artifacts
    for number in range(deployment.shape.tasks):
        _leave(artifacts / log_key(name, "process", number), size=_LOG_BYTES)
        _leave(artifacts / facts_key(name, number), size=_FACTS_BYTES)
    for event in range(deployment.shape.events):
        moment = round(event * (workflow.moments - 1) / (deployment.shape.events - 1))
        headers, body = workflow_event(workflow.at(moment))
        deployment.ask("an event", deployment.events, "POST", "/", headers=headers, body=body)


@cache
def _bundle(number: int) -> bytes:
    with memory_directory() as scratch:
        return pack(write_recipe(Path(scratch), number=number, output="temporary"))


def _workflow(bench: Bench, name: str, *, tasks: int) -> Workflow:
    with bench.site.database.autocommit() as conn:
        found = conn.execute("SELECT workflow_uid FROM runs WHERE name = %s", (name,)).fetchone()
    assert found is not None
    return Workflow(name, partitions=tasks, uid=found[0])


def _leave(path: Path, *, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


@contextmanager
def _beside(work: Callable[[Deployment, Event], None], deployment: Deployment) -> Iterator[None]:
    """Have something done all the while."""
    over = Event()
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(work, deployment, over)
        try:
            yield
        finally:
            over.set()
        done.result()


def _reading(deployment: Deployment, over: Event) -> None:
    listed = json.loads(deployment.status.ask("GET", "/runs"))["runs"]
    for path in cycle(_READS):
        if over.wait(_BETWEEN_READS):
            break
        if listed or "{}" not in path:
            asked = path.format(random.choice(listed)["name"] if listed else "")
            deployment.ask(f"GET {path}", deployment.status, "GET", asked)


def _sweep_on(deployment: Deployment, before: int) -> None:
    """Have the sweeps come that the time was too short for, as long as they have what to remove."""
    while len(deployment.times[_SWEEP]) - before < _SWEEPS:
        deployment.ask(_SWEEP, deployment.submit, "POST", "/sweep")
        if deployment.times[_SWEEP][-1] < 1000 * REMOVAL_SECONDS:
            break


def _sweeping(deployment: Deployment, over: Event) -> None:
    for _ in range(_SWEEPS):
        deployment.ask(_SWEEP, deployment.submit, "POST", "/sweep")
        if over.wait(_BETWEEN_SWEEPS):
            break


def _raised(deployment: Deployment) -> list[Figure]:
    """Tell of runs of many tasks at rising rates, until events lag."""
    figures, followed = [], 0.0
    versions = count(10**9)
    workflows = [_submitted(deployment) for _ in range(_RISING)]
    moments = [
        each.at(round(each.moments * part / _MOMENTS)) for part in range(_MOMENTS) for each in workflows
    ]
    with ThreadPoolExecutor(_SENDERS) as senders:
        for rate in _RATES:
            events = []
            for workflow in islice(cycle(moments), round(rate * _RATE_SECONDS)):
                workflow["metadata"]["resourceVersion"] = str(next(versions))
                events.append(workflow_event(workflow))
            begun = time.perf_counter() + 0.1
            due = [begun + number / rate for number in range(len(events))]
            lags = [*senders.map(partial(_late, deployment.events), due, events)]
            cut = quantiles(lags, n=20, method="inclusive")[18]
            figures.append(
                Figure(f"lag at {rate} events/s of runs of {_TASKS:,} tasks: p95", "ms", (1000 * cut,))
            )
            if cut > _MAX_LAG:
                break
            followed = rate
    what = f"most events/s of runs of {_TASKS:,} tasks of which 95 of 100 came within {_MAX_LAG:g} s"
    return [*figures, Figure(what, "events/s", (followed,))]


def _submitted(deployment: Deployment) -> Workflow:
    bundle = _bundle(next(_NUMBERS) % _RECIPES)
    answer = deployment.submit.ask("POST", "/submit", body=bundle, headers=BUNDLE_HEADERS)
    return _workflow(deployment.bench, json.loads(answer)["recipe_workflow_name"], tasks=_TASKS)


def _late(service: Service, due: float, event: tuple[dict[str, str], bytes]) -> float:
    """Send an event at its time; returns how many seconds later it is recorded."""
    time.sleep(max(0.0, due - time.perf_counter()))
    service.ask("POST", "/", headers=event[0], body=event[1])
    return time.perf_counter() - due
