"""Ids of CloudEvents that were applied to runs; inserted by `db.workflow_state`."""

from __future__ import annotations

from psycopg import Connection

from ogdc_shared.db.queries import load_queries


def forget_events(conn: Connection, *, older_than: float, limit: int) -> int:
    """Delete up to `limit` events received more than `older_than` seconds ago; returns how many."""
    return conn.execute(
        load_queries("events")["forget_events"], {"older_than": older_than, "limit": limit}
    ).rowcount
