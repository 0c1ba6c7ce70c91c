"""The table of users."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import class_row

from ogdc_shared.auth.caller import OPEN, Caller
from ogdc_shared.auth.permissions import Role
from ogdc_shared.db.queries import load_queries
from ogdc_shared.errors import InvalidRequestError, UnknownUserError, UserExistsError


class User(NamedTuple):
    """A user."""

    id: UUID
    issuer: str
    """The issuer that authenticates them; `open` if nobody does."""
    subject: str
    """Their permanent id at the issuer."""
    name: str
    """Display name."""
    role: str | None
    """Role granted by an admin, or None."""
    claimed_role: str | None
    """Role granted by their last login, or None."""
    created_at: datetime
    last_seen_on: date | None
    """The last day of an authenticated request, or None."""
    disabled_at: datetime | None
    """When an admin disabled them, or None."""


class NewUser(NamedTuple):
    """A user to insert."""

    issuer: str
    subject: str
    name: str
    role: Role | None = None


class UserPage(NamedTuple):
    """A page of users and the total number."""

    users: list[User]
    total: int


def find_user(conn: Connection, subject: str, *, issuer: str) -> User | None:
    """Find a user by subject; None if there is none."""
    return _select(conn, "where_subject", issuer=issuer, subject=subject).fetchone()


def get_user(conn: Connection, user_id: UUID) -> User:
    """Read a user.

    Raises:
        UnknownUserError: no user has that id.
    """
    user = _select(conn, "where_id", id=user_id).fetchone()
    if user is None:
        raise UnknownUserError(str(user_id))
    return user


def find_called(conn: Connection, called: str, *, issuer: str | None = None) -> User | None:
    """Find a user by subject or display name; None if there is none.

    Args:
        conn: The connection.
        called: A subject or display name.
        issuer: Only users of this issuer; None means all.

    Raises:
        InvalidRequestError: several users have that display name.
    """
    found = _select(conn, "where_called", called=called, issuer=issuer).fetchall()
    if len({user.subject == called for user in found}) < len(found):
        raise InvalidRequestError(f"Several users are called {called!r}. Give the subject of one of them.")
    return found[0] if found else None


def ensure_user(conn: Connection, subject: str, *, issuer: str = OPEN) -> User:
    """Find a user, or insert one; safe to call concurrently."""
    while (user := find_user(conn, subject, issuer=issuer)) is None:
        insert_user(conn, NewUser(issuer, subject, subject))
    return user


def caller_id(conn: Connection, caller: Caller) -> UUID:
    """Return the id of a caller's user record, which is created if the caller is not authenticated."""
    return caller.user_id or ensure_user(conn, caller.subject, issuer=caller.issuer).id


def add_user(conn: Connection, new: NewUser) -> User:
    """Insert a user.

    Raises:
        UserExistsError: there is one with that issuer and subject.
    """
    if not insert_user(conn, new):
        raise UserExistsError(
            f"The user {new.subject!r} of the issuer {new.issuer} exists already. Change their role instead."
        )
    user = find_user(conn, new.subject, issuer=new.issuer)
    assert user is not None
    return user


def insert_user(conn: Connection, new: NewUser) -> bool:
    """Insert a user; False if there is one already."""
    return _changes(conn, "insert_user", new._asdict())


def record_seen(conn: Connection, user_id: UUID, *, name: str, claimed_role: Role | None) -> None:
    """Record a user's first request of a day, with their display name and the role that the login granted."""
    _changes(conn, "record_seen", {"id": user_id, "name": name, "claimed_role": claimed_role})


def change_user(
    conn: Connection, user_id: UUID, *, role: Role | None, set_role: bool, disabled: bool | None
) -> User:
    """Change a user's role or disable them.

    Args:
        conn: The connection.
        user_id: Id of the user.
        role: The role to grant; None means that the role follows from their logins.
        set_role: Whether to change the role at all.
        disabled: Whether to reject their requests; None means no change.

    Raises:
        UnknownUserError: no user has that id.
    """
    change = {"id": user_id, "role": role, "set_role": set_role, "disabled": disabled}
    _changes(conn, "change_user", change)
    return get_user(conn, user_id)


def list_users(conn: Connection, *, limit: int, offset: int) -> UserPage:
    """Read a page of users, ordered by creation."""
    found = _select(conn, "in_order", limit=limit, offset=offset).fetchall()
    counted = conn.execute(load_queries("users")["count_users"]).fetchone()
    return UserPage(found, counted[0] if counted else 0)


def lock_user(conn: Connection, user_id: UUID) -> None:
    """Lock a user until the transaction ends."""
    conn.execute(load_queries("users")["lock_user"], {"id": user_id})


def _select(conn: Connection, where: str, **parameters: Any) -> Cursor[User]:
    queries = load_queries("users")
    cursor = conn.cursor(row_factory=class_row(User))
    return cursor.execute(queries["select_users"] + b"\n" + queries[where], parameters)


def _changes(conn: Connection, query: str, parameters: dict[str, Any]) -> bool:
    return conn.execute(load_queries("users")[query], parameters).rowcount == 1
