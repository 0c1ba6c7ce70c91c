"""The cost of operations with ten million runs in the record, compared with ten thousand."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import psycopg

from benchmarks.bench import Bench
from benchmarks.figures import Baseline, Figure, at_most
from benchmarks.growth_data import fill
from benchmarks.growth_operations import OPERATIONS, Operation, open_record
from ogdc_local.stack.binaries import find_binaries
from ogdc_local.stack.postgres import USER, Postgres
from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db.database import Database
from ogdc_shared.db.migrate import migrate

FEW, MANY = 10_000, 10_000_000
_QUICK = 1_000_000
_MAX_TIMES = 2.0
_TURNS = 15
_SERVER = {
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "20min",
}
"""A small server's share of memory, and few checkpoints while it is filled."""


class _RollBackError(Exception):
    """Nothing that was measured stays."""


@contextmanager
def server(directory: Path) -> Iterator[DatabaseSettings]:
    """Run PostgreSQL as a deployment has it; yield how to reach it."""
    sockets = directory / "socket"
    sockets.mkdir(mode=0o700)
    data = directory / "data"
    postgres = Postgres(
        binaries=find_binaries(lambda _: data, os.environ),
        data=data,
        socket_dir=sockets,
        log=directory / "postgres.log",
        settings=_SERVER,
    )
    postgres.start()
    try:
        yield DatabaseSettings(host=str(sockets), name="postgres", user=USER)
    finally:
        postgres.stop()


def filled(settings: DatabaseSettings, name: str, *, runs: int) -> Database:
    """Make a database with so many runs in it."""
    with psycopg.connect(f"host={settings.host} user={USER} dbname=postgres", autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}".encode())
    database = Database(settings._replace(name=name))
    migrate(database)
    with psycopg.connect(f"host={settings.host} user={USER} dbname={name}", autocommit=True) as conn:
        fill(conn, runs)
    return database


def measure_growth(bench: Bench) -> list[Figure]:
    """Fill two databases, which takes the better part of an hour, and compare."""
    many = MANY if bench.effort.repetitions > 3 else _QUICK
    with ExitStack() as parts:
        settings = parts.enter_context(server(bench.new_directory()))
        databases = {}
        for name, runs in (("few", FEW), ("many", many)):
            databases[runs] = filled(settings, name, runs=runs)
            parts.callback(databases[runs].close)
        return compare(databases, turns=_TURNS)


def compare(databases: dict[int, Database], *, turns: int) -> list[Figure]:
    """Time each operation in both databases, given by their number of runs, in turns."""
    few, many = sorted(databases)
    figures = []
    for name, operation in OPERATIONS.items():
        times: dict[int, list[float]] = {few: [], many: []}
        for turn in range(1 + turns):
            for runs, database in databases.items():
                times[runs].append(_timed(database, operation, runs=runs, turn=turn))
        least = median(times[few][1:])
        baseline = Baseline(f"at {few:,}", least)
        goal = at_most(_MAX_TIMES * least)
        figures.append(Figure(f"{name}, {many:,} runs", "ms", tuple(times[many][1:]), goal, baseline))
    return figures


def _timed(database: Database, operation: Operation, *, runs: int, turn: int) -> float:
    """Milliseconds that an operation takes, of which nothing stays."""
    try:
        with database.transaction() as conn:
            work = operation(open_record(conn, runs=runs, turn=turn))
            begun = time.perf_counter()
            work()
            milliseconds = 1000 * (time.perf_counter() - begun)
            raise _RollBackError
    except _RollBackError:
        return milliseconds
