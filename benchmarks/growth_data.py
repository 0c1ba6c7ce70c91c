"""Synthetic records of years of a busy deployment, generated inside the database.

The density of runs over time is constant, so the numbers of running and recent runs do not depend on the
total. Recipes and users are few, and some have far more runs than others, so queries by recipe grow too.
"""

from __future__ import annotations

import re
from pathlib import Path

from psycopg import Connection

RUNS_A_DAY = 2000
RECIPES, USERS = 500, 200
UNFINISHED = 60
"""The newest runs, of which a third has not begun."""
TASKS = 2
"""A run: those of a run are read by its id, so that more of them only make the fill longer."""
_BATCH = 500_000
_STATEMENTS = dict(
    re.findall(
        r"^-- name: (\w+)\n(.*?)(?=^-- name|\Z)",
        Path(__file__).with_name("growth.sql").read_text(),
        re.M | re.S,
    )
)

_LARGE = ("runs", "tasks", "audit", "uploads")


def fill(conn: Connection, runs: int) -> None:
    """Fill a migrated, empty database; its indexes are made when all rows are there."""
    facts = {
        "users": USERS,
        "recipes": RECIPES,
        "unfinished": UNFINISHED,
        "a_day": RUNS_A_DAY,
        "tasks": TASKS,
        "all": runs,
    }
    conn.execute("SET session_replication_role = replica")  # nothing is checked row by row
    conn.execute("SET synchronous_commit = off")
    conn.execute("SET maintenance_work_mem = '512MB'")
    conn.execute("SET statement_timeout = 0")
    begun = conn.execute("SELECT now()").fetchone()
    assert begun is not None
    indexes = _drop_indexes(conn)
    for name in ("users", "recipes"):
        _execute(conn, name, facts)
    for first in reversed(range(0, runs, _BATCH)):
        part = facts | {"first": first, "last": min(first + _BATCH, runs)}
        for name in ("runs", "tasks"):
            _execute(conn, name, part)
    _execute(conn, "audit", facts | {"first": -1, "last": runs + RUNS_A_DAY})
    for index in indexes:
        conn.execute(index.encode())
    _execute(conn, "rest", facts)
    conn.execute("VACUUM (ANALYZE)")
    conn.execute("RESET session_replication_role")


def _execute(conn: Connection, name: str, facts: dict[str, int]) -> None:
    for statement in _STATEMENTS[name].split(";\n"):
        if statement.strip():
            conn.execute(statement.encode(), facts)


def _drop_indexes(conn: Connection) -> list[str]:
    """Drop what is made faster afterwards; returns the statements that make it."""
    made = []
    for table in _LARGE:
        found = conn.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
            " WHERE indrelid = %s::regclass"
            " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
            (table,),
        ).fetchall()
        for name, definition in found:
            conn.execute(f"DROP INDEX {name}".encode())
            made.append(definition)
    conn.execute("ALTER TABLE tasks DROP CONSTRAINT tasks_pkey")
    return [*made, "ALTER TABLE tasks ADD PRIMARY KEY (run_id, node_id)"]
