"""Events: which CloudEvents have been applied, so that a redelivered one is not applied twice."""

from __future__ import annotations

from psycopg import Connection

from ogdc_shared.db.queries import load_queries


def record_event(conn: Connection, *, source: str, id: str, type: str, subject: str | None) -> bool:
    """Remember an event in the transaction that applies it; False: it was applied before."""
    event = {"source": source, "id": id, "type": type, "subject": subject}
    return conn.execute(load_queries("events")["record_event"], event).rowcount == 1


def forget_events(conn: Connection, *, older_than: float) -> int:
    """Forget events received more than `older_than` seconds ago; returns how many."""
    return conn.execute(load_queries("events")["forget_events"], {"older_than": older_than}).rowcount
