"""Extrapolating a year of a busy deployment from part of a day: 2,000 runs of a thousand tasks a day.

Whole runs are submitted to the real function and reported by the same events as from Argo, many at a time, to
the real handler with a real PostgreSQL; then retention removes the records of their tasks. The costs of a day
and a year are multiples of that.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

from benchmarks.bench import Bench
from benchmarks.figures import Figure, at_most
from benchmarks.processors import processor_seconds
from benchmarks.records import BUNDLE_HEADERS, make_bundle, workflow_event
from benchmarks.workflows import Workflow
from ogdc_shared.config import ArgoSettings, Settings, StorageSettings
from ogdc_shared.context import Context
from ogdc_shared.db.database import Database
from ogdc_shared.db.runs import list_runs
from ogdc_shared.layout import facts_key, log_key
from ogdc_shared.retention_settings import RetentionSettings
from ogdc_shared.runs.retention import Pruning

RUNS_A_DAY, TASKS = 2000, 1000
EVENTS = 30
"""Of a run: there is one each time that Argo has written its workflow, which gathers what has changed."""
_SIMULATED = {True: 8, False: 40}
"""Runs; those of a quick look, and others."""
_CLIENTS, _AT_ONCE = 9, 90
_LOG_BYTES, _FACTS_BYTES = 2000, 1500
_SWEEPS_A_DAY = 144
_SWEEP_SECONDS = 10
_DAY = 86_400


class _Used(NamedTuple):
    """Seconds of CPU."""

    function: float
    database: float


def measure_year(bench: Bench) -> list[Figure]:
    """Simulate, and tell of sizes, CPU, lag and the pace of retention."""
    number = _SIMULATED[bench.effort.repetitions <= 3]
    database = bench.site.database
    names = _submit(bench, number)
    manifest = _manifest(database)
    before = _sizes(database)
    events = _tell(bench, names)
    after = _sizes(database)
    removal = _remove(bench, names)
    growth = {table: after[table] - before[table] for table in after}
    a_task = growth["tasks"] / (number * (TASKS + 1))
    an_event = growth["events"] / (number * EVENTS)
    of_day = RUNS_A_DAY * (TASKS + 1) * a_task / 2**30
    a_day = RUNS_A_DAY * EVENTS
    return [
        Figure("disk of a run's manifest, beside its row", "bytes", (manifest,)),
        Figure("disk of a task in the record", "bytes", (a_task,)),
        Figure("disk of an event's id", "bytes", (an_event,)),
        Figure("disk of the tasks of a day", "GiB", (of_day,)),
        Figure("disk of the tasks of a year", "GiB", (365 * of_day,)),
        *events,
        Figure("CPU of argo_events a day", "% of one", (_percent(events[0].median, a_day),)),
        Figure("CPU of PostgreSQL for events a day", "% of one", (_percent(events[1].median, a_day),)),
        *removal,
    ]


def _percent(milliseconds: float, times: int) -> float:
    return 100 * times * milliseconds / 1000 / _DAY


def _submit(bench: Bench, number: int) -> list[str]:
    with bench.site.service("submit") as submit:
        for _ in range(number):
            submit.ask("POST", "/submit", body=make_bundle(), headers=BUNDLE_HEADERS)
    with bench.site.database.transaction() as conn:
        conn.execute("UPDATE runs SET workflow_uid = NULL")  # the events are of workflows of their own
        return [run.name for run in list_runs(conn, limit=number).runs]


def _tell(bench: Bench, names: list[str]) -> list[Figure]:
    """Tell of all runs at once, each event as soon as there is somebody to take it."""
    lags: list[float] = []
    seconds = 0.0

    def tell(event: tuple[dict[str, str], bytes]) -> None:
        begun = time.perf_counter()
        service.ask("POST", "/", headers=event[0], body=event[1])
        lags.append(1000 * (time.perf_counter() - begun))

    events = _events(names)
    with bench.site.service("argo_events") as service, ThreadPoolExecutor(_CLIENTS) as clients:
        tell(workflow_event(Workflow("nobodys", partitions=1).at(0)))
        lags.clear()
        before = _cpu(bench, service.pid)
        while some := list(islice(events, _AT_ONCE)):  # made before the clock runs
            begun = time.perf_counter()
            for _ in clients.map(tell, some):
                pass
            seconds += time.perf_counter() - begun
        after = _cpu(bench, service.pid)
    what = f"of an event of a run of {TASKS:,} tasks"
    cuts = quantiles(lags, n=100, method="inclusive")
    return [
        Figure(f"CPU of argo_events {what}", "ms", (1000 * (after.function - before.function) / len(lags),)),
        Figure(f"CPU of PostgreSQL {what}", "ms", (1000 * (after.database - before.database) / len(lags),)),
        Figure(f"events of runs of {TASKS:,} tasks, {_CLIENTS} clients", "events/s", (len(lags) / seconds,)),
        Figure(f"lag {what}: p50", "ms", (cuts[49],)),
        Figure(f"lag {what}: p95", "ms", (cuts[94],)),
    ]


def _events(names: list[str]) -> Iterator[tuple[dict[str, str], bytes]]:
    chance = random.Random(len(names))
    workflows = [Workflow(name, partitions=TASKS) for name in names]
    at = [(moment, workflow) for workflow in workflows for moment in range(EVENTS)]
    for moment, workflow in sorted(at, key=lambda each: each[0] + chance.random()):
        yield workflow_event(workflow.at(round(moment * (workflow.moments - 1) / (EVENTS - 1))))


def _remove(bench: Bench, names: list[str]) -> list[Figure]:
    """Have retention remove what is known of all tasks, which left their logs and facts."""
    root = bench.new_directory()
    for name in names:
        for number in range(TASKS):
            _leave(root / log_key(name, "process", number), size=_LOG_BYTES)
            _leave(root / facts_key(name, number), size=_FACTS_BYTES)
    with bench.site.database.autocommit() as conn:
        conn.execute(
            "UPDATE runs SET submitted_at = submitted_at - interval '40 days', phase = 'Failed',"
            " finished_at = now() - interval '40 days'"
        )
    settings = Settings(
        database=bench.site.settings,
        storage=StorageSettings(directory=str(root)),
        argo=ArgoSettings(url=bench.site.argo_url, namespace="benchmark"),
        retention=RetentionSettings(task_days=30),
    )
    seconds = _pruned(settings, len(names))
    a_second = len(names) * TASKS / seconds
    needed = RUNS_A_DAY * TASKS / a_second
    return [
        Figure("tasks that retention removes, with log and facts on this disk", "tasks/s", (a_second,)),
        Figure(
            "time for that a day",
            "s",
            (needed,),
            at_most(_SWEEPS_A_DAY * _SWEEP_SECONDS),
        ),
    ]


def _leave(path: Path, *, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


def _pruned(settings: Settings, runs: int) -> float:
    context = Context(settings)
    begun = time.perf_counter()
    pruning = Pruning(context, deadline=time.monotonic() + 3600)
    pruning.work()
    seconds = time.perf_counter() - begun
    with context.database.autocommit() as conn:
        found = conn.execute("SELECT count(*) FROM runs WHERE tasks_removed_at IS NOT NULL").fetchone()
    assert found is not None
    assert found[0] >= runs, found
    context.close()
    return seconds


def _sizes(database: Database) -> dict[str, int]:
    """Bytes of tables, with their indexes and what is stored beside them."""
    with database.autocommit() as conn:
        tables = ("runs", "tasks", "events", "audit")
        return {
            table: _row(conn.execute(f"SELECT pg_total_relation_size('{table}')".encode()).fetchone())
            for table in tables
        }


def _row(found: tuple[int, ...] | None) -> int:
    assert found is not None
    return found[0]


def _manifest(database: Database) -> float:
    with database.autocommit() as conn:
        return float(_row(conn.execute("SELECT avg(pg_column_size(manifest)) FROM runs").fetchone()))


def _cpu(bench: Bench, service: int) -> _Used:
    return _Used(processor_seconds(service), processor_seconds(bench.site.postgres_pid))
