"""Removing expired records: they are marked recipe by recipe, then removed in small steps.

Each function executes one statement, or a few for one recipe. Marked runs are found again after a crash. A
marked run cannot be retried, nor can any run of a claimed recipe.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import TupleRow, class_row

from ogdc_shared.db.queries import load_queries
from ogdc_shared.retention_settings import RetentionSettings

RUN, TASKS, LOGS = "run", "tasks", "logs"
"""What to remove of a run: everything; its tasks and their logs; only the logs."""


class Removal(NamedTuple):
    """A run with something to remove."""

    id: UUID
    name: str
    removing: str
    """`RUN`, `TASKS` or `LOGS`."""


def mark_of_next_recipe(
    conn: Connection, kept: RetentionSettings, *, limit: int, again_after: float
) -> int | None:
    """Mark what is to be removed of one recipe's runs, inside the caller's transaction.

    Args:
        conn: The connection.
        kept: How long to keep what.
        limit: Maximum number of runs to mark for each reason. If there are more, the recipe stays due.
        again_after: Seconds until the recipe is due again.

    Returns:
        The number of marked runs, or None if no recipe is due or other processes have claimed those that are.
    """
    claimed = _execute(conn, "claim_recipe", again_after=again_after).fetchone()
    if claimed is None:
        return None
    facts = {"recipe_id": claimed[0], "limit": limit, "most": kept.runs_per_recipe}
    marked = [
        _mark(conn, RUN, facts | {"days": kept.run_days}) if kept.removes_runs else 0,
        _mark(conn, TASKS, facts | {"days": kept.task_days}) if kept.task_days else 0,
        _mark(conn, LOGS, facts | {"days": kept.log_days}) if kept.log_days else 0,
    ]
    if max(marked) < limit:
        _execute(conn, "release_recipe", recipe_id=claimed[0])
    return sum(marked)


def _mark(conn: Connection, what: str, facts: dict[str, object]) -> int:
    queries = load_queries("retention")
    condition = {RUN: "mark_runs", TASKS: "mark_tasks", LOGS: "mark_logs"}[what]
    kept = queries["but_kept"] if what != LOGS else b""
    statement = b"\n".join([queries[condition], kept, queries["mark"]])
    return conn.execute(statement, facts | {"what": what}, prepare=False).rowcount


def marked_runs(conn: Connection, *, limit: int) -> list[Removal]:
    """Read some of the runs with something to remove."""
    cursor = conn.cursor(row_factory=class_row(Removal))
    return cursor.execute(load_queries("retention")["runs_being_removed"], {"limit": limit}).fetchall()


def stages_of(conn: Connection, run_id: UUID) -> list[str]:
    """Read the template names of a run's tasks."""
    return [template for (template,) in _execute(conn, "stages_of", run_id=run_id)]


def remove_tasks(conn: Connection, run_id: UUID, *, limit: int) -> int:
    """Delete up to `limit` tasks of a run; returns how many."""
    return _execute(conn, "remove_tasks", run_id=run_id, limit=limit).rowcount


def remove_run(conn: Connection, run_id: UUID) -> bool:
    """Delete a run that is marked for it, and everything that refers to it; False if another process did."""
    return _execute(conn, "remove_run", run_id=run_id).rowcount == 1


def record_removed(conn: Connection, run_id: UUID, what: str) -> None:
    """Record that everything marked has been removed, except the run itself."""
    _execute(conn, "record_removed", run_id=run_id, what=what)


def forget_removals(conn: Connection, name: str) -> None:
    """Record that a run continues, so that its tasks may leave logs and records again."""
    _execute(conn, "forget_removals", name=name)


def runs_taking(conn: Connection, *, limit: int) -> list[tuple[UUID, str]]:
    """Read ids and names of ended runs whose use of earlier results has not been recorded yet."""
    return _execute(conn, "runs_taking", limit=limit).fetchall()


def record_taken(conn: Connection, run_id: UUID, names: list[str]) -> None:
    """Record the names of the runs whose results a run has reused."""
    _execute(conn, "record_taken", run_id=run_id, names=names)


def _execute(conn: Connection, query: str, **parameters: object) -> Cursor[TupleRow]:
    return conn.execute(load_queries("retention")[query], parameters)
