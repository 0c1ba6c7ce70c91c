"""Load tests of running functions."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median, quantiles

import psycopg

from benchmarks.bench import Bench
from benchmarks.figures import Baseline, Figure, at_least, at_most
from benchmarks.load import Load, put_load
from benchmarks.records import BUNDLE_HEADERS, make_bundle, record_run, write_submissions
from benchmarks.service import Service
from ogdc_shared.config import DatabaseSettings

_MANY = 16
_MANY_TASKS = 10_000
_QUERIES = 500
_MAX_SUBMISSIONS = 1000
"""A second; each takes a recipe of its own."""
_AS_FAST = 0.9
"""The smallest part of a rate that cannot be distinguished from all of it."""
_GOALS = {
    "status, 16 clients": at_least(1000),
    "status, 16 clients: p95": at_most(25),
    "submit, 1 client: p50": at_most(30),
    "submit, 16 clients": at_least(180),
}


def measure_status(bench: Bench) -> list[Figure]:
    """Ask `/status/{name}` about a run that has ended."""
    path = f"/status/{record_run(bench.site.database, tasks=1)}"
    with bench.site.service("status") as service:
        return _measure(bench, "status", lambda clients: _read(bench, service, path, clients=clients))


def measure_submit(bench: Bench) -> list[Figure]:
    """Submit bundles of recipes with `pvc` output; Argo takes the workflows and starts none."""
    with bench.site.service("submit") as service:
        _submit(bench, service, clients=_MANY)  # each process loads the compiler with its first submission
        return _measure(bench, "submit", lambda clients: _submit(bench, service, clients=clients))


def measure_many_tasks(bench: Bench) -> list[Figure]:
    """Ask about a run with 10,000 tasks, and about one with a single task."""
    names = {tasks: record_run(bench.site.database, tasks=tasks) for tasks in (1, _MANY_TASKS)}
    figures = []
    with bench.site.service("status") as status:
        for path in ("/status", "/runs"):
            loads = bench.in_turns(
                {
                    tasks: partial(_read, bench, status, f"{path}/{name}", clients=_MANY)
                    for tasks, name in names.items()
                }
            )
            one, many = (tuple(load.per_second for load in loads[tasks]) for tasks in names)
            figures.append(
                Figure(
                    f"GET {path}/{{name}} of 10,000 tasks, {_MANY} clients",
                    "req/s",
                    many,
                    goal=at_least(_AS_FAST * median(one)) if path == "/status" else None,
                    baseline=Baseline("a run of one task", median(one)),
                )
            )
    return figures


def measure_memory(bench: Bench) -> list[Figure]:
    """See how large the status process is after load, and after it has shown many tasks."""
    database = bench.site.database
    paths = {tasks: record_run(database, tasks=tasks) for tasks in (1, _MANY_TASKS)}

    def status() -> float:
        with bench.site.service("status") as service:
            _read(bench, service, f"/status/{paths[1]}", clients=_MANY)
            return service.resident()

    def detail() -> float:
        with bench.site.service("status") as service:
            _read(bench, service, f"/runs/{paths[_MANY_TASKS]}", clients=_MANY)
            return service.resident()

    def nothing() -> float:
        with bench.site.empty_service() as service:
            _read(bench, service, "/", clients=_MANY)
            return service.resident()

    found = bench.in_turns({"status": status, "detail": detail, "nothing": nothing})
    baseline = Baseline("an empty function", median(found["nothing"]))
    return [
        Figure("memory after load on /status", "MiB", found["status"], goal=at_most(75), baseline=baseline),
        Figure("memory after load on /runs, 10,000 tasks", "MiB", found["detail"], baseline=baseline),
    ]


def _read(bench: Bench, service: Service, path: str, *, clients: int) -> Load:
    service.ask("GET", path)
    return put_load(service.url + path, clients=clients, seconds=bench.effort.seconds)


def _submit(bench: Bench, service: Service, *, clients: int) -> Load:
    service.ask("POST", "/submit", body=make_bundle(), headers=BUNDLE_HEADERS)
    posts = write_submissions(bench.memory_directory(), number=_MAX_SUBMISSIONS * bench.effort.seconds)
    return put_load(f"{service.url}/submit", clients=clients, seconds=bench.effort.seconds, posts=posts)


def _measure(bench: Bench, name: str, load: Callable[[int], Load]) -> list[Figure]:
    """Put load on a function by one client and by many, in turns with a function that does nothing."""
    figures = []
    with bench.site.empty_service() as empty:
        for clients in (1, _MANY):
            trials = {
                name: partial(load, clients),
                "empty": partial(_read, bench, empty, "/", clients=clients),
                "query": partial(_select_1, bench.site.settings),
            }
            loads = bench.in_turns(trials)
            rates, p50s, p95s = zip(*loads[name], strict=True)
            empty_rate = Baseline("an empty function", median(load.per_second for load in loads["empty"]))
            query = Baseline("SELECT 1", median(load.p50 for load in loads["query"]))
            what = f"{name}, {clients} client{'' if clients == 1 else 's'}"
            figures += [
                _figure(what, "req/s", rates, empty_rate),
                # The latency under more load than there are cores is one of queues, whatever a query takes.
                _figure(f"{what}: p50", "ms", p50s, query if clients == 1 else None),
                _figure(f"{what}: p95", "ms", p95s),
            ]
    return figures


def _figure(what: str, unit: str, values: tuple[float, ...], baseline: Baseline | None = None) -> Figure:
    return Figure(what, unit, values, goal=_GOALS.get(what), baseline=baseline)


def _select_1(settings: DatabaseSettings) -> Load:
    """Send the shortest query again and again, by one client."""
    taken = []
    with psycopg.connect(
        host=settings.host, dbname=settings.name, user=settings.user, autocommit=True
    ) as conn:
        for _ in range(_QUERIES):
            start = time.perf_counter()
            conn.execute("SELECT 1").fetchone()
            taken.append(1000 * (time.perf_counter() - start))
    cuts = quantiles(taken, n=100)
    return Load(1000 * len(taken) / sum(taken), p50=cuts[49], p95=cuts[94])
