"""Users: who submitted a run."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from psycopg import Connection


class User(NamedTuple):
    """Somebody who submits."""

    id: UUID
    issuer: str
    """Who vouches for the name; `open`: nobody."""
    name: str


def ensure_user(conn: Connection, name: str, *, issuer: str = "open") -> User:
    """Find a user, or record one seen for the first time."""
    raise NotImplementedError
