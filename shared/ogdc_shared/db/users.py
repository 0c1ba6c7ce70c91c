"""Users: who submitted a run."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from ogdc_shared.db.queries import load_queries


class User(NamedTuple):
    """Somebody who submits."""

    id: UUID
    issuer: str
    """Who vouches for the name; `open`: nobody."""
    name: str


def ensure_user(conn: Connection, name: str, *, issuer: str = "open") -> User:
    """Find a user, or record one seen for the first time."""
    who = {"issuer": issuer, "name": name}
    sql = load_queries("users")
    with conn.cursor(row_factory=class_row(User)) as cursor:
        user = cursor.execute(sql["find_user"], who).fetchone()
        while user is None:
            conn.execute(sql["insert_user"], who)
            user = cursor.execute(sql["find_user"], who).fetchone()
    return user
