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


def find_user(conn: Connection, name: str, *, issuer: str) -> User | None:
    """Find a user; None: nobody of that name was seen."""
    with conn.cursor(row_factory=class_row(User)) as cursor:
        who = {"issuer": issuer, "name": name}
        return cursor.execute(load_queries("users")["find_user"], who).fetchone()


def ensure_user(conn: Connection, name: str, *, issuer: str = "open") -> User:
    """Find a user, or record one seen for the first time."""
    while (user := find_user(conn, name, issuer=issuer)) is None:
        conn.execute(load_queries("users")["insert_user"], {"issuer": issuer, "name": name})
    return user
