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
    """Somebody who may call."""

    id: UUID
    issuer: str
    """Who vouches for them; `open`: nobody."""
    subject: str
    """What the issuer calls them, which never changes."""
    name: str
    """As they are shown."""
    role: str | None
    """That an admin gave them; None: none did."""
    claimed_role: str | None
    """That their last login granted; None: it said nothing of roles, or there was none."""
    created_at: datetime
    last_seen_on: date | None
    """The last day they called; None: never as somebody who logged in."""
    disabled_at: datetime | None
    """Since when they are refused; None: they are not."""


class NewUser(NamedTuple):
    """Somebody not known yet."""

    issuer: str
    subject: str
    name: str
    role: Role | None = None


class UserPage(NamedTuple):
    """Some users, and how many there are in all."""

    users: list[User]
    total: int


def find_user(conn: Connection, subject: str, *, issuer: str) -> User | None:
    """Find a user; None: nobody of that subject was seen."""
    return _select(conn, "where_subject", issuer=issuer, subject=subject).fetchone()


def get_user(conn: Connection, user_id: UUID) -> User:
    """Read a user.

    Raises:
        UnknownUserError: there is none of that id.
    """
    user = _select(conn, "where_id", id=user_id).fetchone()
    if user is None:
        raise UnknownUserError(str(user_id))
    return user


def find_called(conn: Connection, called: str, *, issuer: str | None = None) -> User | None:
    """Find the user whom an issuer calls so, or who is shown so; None: nobody.

    Args:
        conn: The database.
        called: A subject or a name.
        issuer: Whose users; None: everybody's.

    Raises:
        InvalidRequestError: several are shown so.
    """
    found = _select(conn, "where_called", called=called, issuer=issuer).fetchall()
    if len({user.subject == called for user in found}) < len(found):
        raise InvalidRequestError(f"Several users are called {called!r}: say what their issuer calls them.")
    return found[0] if found else None


def ensure_user(conn: Connection, subject: str, *, issuer: str = OPEN) -> User:
    """Find a user, or record one seen for the first time, however many do so at once."""
    while (user := find_user(conn, subject, issuer=issuer)) is None:
        insert_user(conn, NewUser(issuer, subject, subject))
    return user


def caller_id(conn: Connection, caller: Caller) -> UUID:
    """The id of a caller's record, which is made for one whom nobody vouches for."""
    return caller.user_id or ensure_user(conn, caller.subject, issuer=caller.issuer).id


def add_user(conn: Connection, new: NewUser) -> User:
    """Record a user.

    Raises:
        UserExistsError: there is one of that issuer and subject.
    """
    if not insert_user(conn, new):
        raise UserExistsError(
            f"There is a user whom {new.issuer} calls {new.subject!r} already; change their role instead."
        )
    user = find_user(conn, new.subject, issuer=new.issuer)
    assert user is not None
    return user


def insert_user(conn: Connection, new: NewUser) -> bool:
    """Record a user; False: they are known."""
    return _changes(conn, "insert_user", new._asdict())


def record_seen(conn: Connection, user_id: UUID, *, name: str, claimed_role: Role | None) -> None:
    """Record that a user has called today, under which name, and what their login granted."""
    _changes(conn, "record_seen", {"id": user_id, "name": name, "claimed_role": claimed_role})


def change_user(
    conn: Connection, user_id: UUID, *, role: Role | None, set_role: bool, disabled: bool | None
) -> User:
    """Change what a user may do.

    Args:
        conn: The database.
        user_id: Whose.
        role: The role that an admin gives them; None: it follows from their logins again.
        set_role: Whether to change the role at all.
        disabled: Whether they are refused from now on; None: as before.

    Raises:
        UnknownUserError: there is none of that id.
    """
    change = {"id": user_id, "role": role, "set_role": set_role, "disabled": disabled}
    _changes(conn, "change_user", change)
    return get_user(conn, user_id)


def list_users(conn: Connection, *, limit: int, offset: int) -> UserPage:
    """Read some users, by the time they were recorded."""
    found = _select(conn, "in_order", limit=limit, offset=offset).fetchall()
    counted = conn.execute(load_queries("users")["count_users"]).fetchone()
    return UserPage(found, counted[0] if counted else 0)


def lock_user(conn: Connection, user_id: UUID) -> None:
    """Have those who lock a user take turns until their transactions end."""
    conn.execute(load_queries("users")["lock_user"], {"id": user_id})


def _select(conn: Connection, where: str, **parameters: Any) -> Cursor[User]:
    queries = load_queries("users")
    cursor = conn.cursor(row_factory=class_row(User))
    return cursor.execute(queries["select_users"] + b"\n" + queries[where], parameters)


def _changes(conn: Connection, query: str, parameters: dict[str, Any]) -> bool:
    return conn.execute(load_queries("users")[query], parameters).rowcount == 1
