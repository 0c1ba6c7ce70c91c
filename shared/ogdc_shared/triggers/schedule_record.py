"""The tables of due triggers and of their starts.

A start is an outbox: it is recorded together with the next time of its trigger, before anything is submitted.
Its id is the submission's idempotency key.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ogdc_shared.db.queries import load_queries


class DueTrigger(NamedTuple):
    """A trigger that is due."""

    id: UUID
    name: str
    schedule: str
    time_zone: str
    due_at: datetime


class WaitingStart(NamedTuple):
    """A start that is being tried."""

    id: UUID
    trigger_id: UUID
    due_at: datetime
    age_seconds: float
    """Since its time, by the database's clock."""


class ScheduledStart(NamedTuple):
    """What became of a start."""

    id: UUID
    trigger_name: str
    due_at: datetime
    outcome: str
    """A `StartOutcome`, as text."""
    message: str | None
    run: str | None
    """The run's name."""


def lock_due_trigger(conn: Connection, *, now: datetime | None = None) -> DueTrigger | None:
    """Find a due trigger, and lock it until the transaction ends; None if there is none.

    `now` is the time by which it has to be due; None means the database's clock.
    """
    cursor = conn.cursor(row_factory=class_row(DueTrigger))
    return cursor.execute(_sql("due_trigger"), {"now": now}).fetchone()


def record_start(conn: Connection, trigger: DueTrigger, *, next_due: datetime | None) -> None:
    """Record that a trigger has to start its run, and when it is due next (None: never)."""
    due = {"trigger_id": trigger.id, "trigger_name": trigger.name, "due_at": trigger.due_at}
    conn.execute(_sql("record_start"), due)
    conn.execute(_sql("set_due"), {"trigger_id": trigger.id, "due_at": next_due})


def claim_start(conn: Connection, *, untried_for: float, tried: Collection[UUID] = ()) -> WaitingStart | None:
    """Claim a waiting start; None if there is none.

    A start that another process claimed within `untried_for` seconds is skipped, and so are those in `tried`.
    """
    cursor = conn.cursor(row_factory=class_row(WaitingStart))
    parameters = {"untried_for": untried_for, "tried": list(tried)}
    return cursor.execute(_sql("claim_start"), parameters).fetchone()


def unfinished_run(conn: Connection, trigger_id: UUID) -> str | None:
    """Return the name of an unfinished run of the trigger, or None."""
    found = conn.execute(_sql("unfinished_run"), {"trigger_id": trigger_id}).fetchone()
    return None if found is None else str(found[0])


def run_in_vain(conn: Connection, trigger_id: UUID) -> str | None:
    """Return the name of the trigger's newest run if it has failed and is still recorded, else None."""
    found = conn.execute(_sql("run_in_vain"), {"trigger_id": trigger_id}).fetchone()
    return None if found is None else str(found[0])


def skip_behind(conn: Connection, start: WaitingStart) -> None:
    """Leave out the starts of the same trigger that wait behind one."""
    conn.execute(_sql("skip_behind"), start._asdict())


def record_try(
    conn: Connection,
    start: WaitingStart,
    *,
    outcome: str,
    message: str | None = None,
    run_id: UUID | None = None,
) -> bool:
    """Record the outcome of trying a start; False if it already has a run."""
    tried = {"id": start.id, "outcome": outcome, "message": message, "run_id": run_id}
    return conn.execute(_sql("record_try"), tried).rowcount == 1


def set_seen(conn: Connection, trigger_id: UUID, seen: dict[str, str]) -> None:
    """Record the validators of what a trigger watches, as they were when it started a run."""
    conn.execute(_sql("set_seen"), {"trigger_id": trigger_id, "seen": Jsonb(seen)})


def list_starts(conn: Connection, trigger_id: UUID, *, limit: int) -> list[ScheduledStart]:
    """Read the newest starts of a trigger, newest first."""
    return _select(conn, "where_trigger", trigger_id=trigger_id, limit=limit).fetchall()


def start_of_run(conn: Connection, run_id: UUID) -> ScheduledStart | None:
    """Read the scheduled start of a run, or None."""
    return _select(conn, "where_run", run_id=run_id).fetchone()


def forget_starts(conn: Connection, *, older_than: float, limit: int) -> int:
    """Delete up to `limit` finished starts that are older than `older_than` seconds; returns how many."""
    return conn.execute(_sql("forget_starts"), {"older_than": older_than, "limit": limit}).rowcount


def _sql(name: str) -> bytes:
    return load_queries("schedules")[name]


def _select(conn: Connection, where: str, **parameters: Any) -> Cursor[ScheduledStart]:
    cursor = conn.cursor(row_factory=class_row(ScheduledStart))
    return cursor.execute(_sql("select_starts") + b"\n" + _sql(where), parameters)
