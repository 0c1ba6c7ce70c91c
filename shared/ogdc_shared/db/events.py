"""Events: which CloudEvents have been applied, so that a redelivered one is not applied twice."""

from __future__ import annotations

from psycopg import Connection


def record_event(conn: Connection, *, source: str, id: str, type: str, subject: str | None) -> bool:
    """Remember an event in the transaction that applies it; False: it was applied before."""
    raise NotImplementedError


def forget_events(conn: Connection, *, older_than: float) -> int:
    """Forget events received more than `older_than` seconds ago; returns how many."""
    raise NotImplementedError
