"""User management by admins."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import UNSET

from ogdc_shared.auth.caller import OPEN
from ogdc_shared.db import users as db
from ogdc_shared.db.audit import Action, record_act
from ogdc_shared.db.users import NewUser, User, UserPage
from ogdc_shared.errors import InvalidRequestError, OgdcError, OwnAccountError, UnknownUserError

if TYPE_CHECKING:
    from ogdc_shared.api.requests import UserChange, UserRequest
    from ogdc_shared.auth.caller import Caller
    from ogdc_shared.context import Context


def list_users(context: Context, *, limit: int, offset: int) -> UserPage:
    """Read some users, those recorded first at the top."""
    with context.database.autocommit() as conn:
        return db.list_users(conn, limit=limit, offset=offset)


def show_user(context: Context, user_id: str) -> User:
    """Read a user.

    Raises:
        UnknownUserError: there is no user of that id.
    """
    with context.database.autocommit() as conn:
        return db.get_user(conn, read_id(user_id))


def add_user(context: Context, asked: UserRequest, *, caller: Caller) -> User:
    """Record a user before their first login, or one of this service's own.

    Raises:
        InvalidRequestError: nobody can log in by that issuer.
        UserExistsError: the user is already recorded.
    """
    if asked.issuer in {OPEN, ""}:
        raise InvalidRequestError(
            f"issuer={asked.issuer!r}: this deployment accepts no logins from this issuer."
        )
    for field in ("subject", "issuer", "name"):
        if not (getattr(asked, field) or "x").isprintable():
            raise InvalidRequestError(f"{field}: contains a character that is not printable; remove it.")
    new = NewUser(asked.issuer, asked.subject, asked.name or asked.subject, asked.role)
    with context.database.transaction() as conn:
        user = db.add_user(conn, new)
        known = {"issuer": user.issuer, "subject": user.subject, "role": user.role}
        record_act(conn, Action.ADD_USER, str(user.id), caller=caller, **known)
    return user


def change_user(context: Context, user_id: str, asked: UserChange, *, caller: Caller) -> User:
    """Change a user's role, or disable or enable their account.

    Raises:
        UnknownUserError: there is no user of that id.
        OwnAccountError: the user is the caller, who could lock themselves out.
    """
    wanted = {key: value for key in ("role", "disabled") if (value := getattr(asked, key)) is not UNSET}
    known = read_id(user_id)
    if known == caller.user_id and wanted:
        raise OwnAccountError(
            "Users cannot change their own role or disable themselves: the last admin would be locked out."
        )
    with context.database.transaction() as conn:
        user = db.change_user(
            conn, known, role=wanted.get("role"), set_role="role" in wanted, disabled=wanted.get("disabled")
        )
        record_act(conn, Action.CHANGE_USER, str(user.id), caller=caller, **wanted)
    return user


def read_id(text: str, unknown: Callable[[str], OgdcError] = UnknownUserError) -> UUID:
    """Parse an id.

    Args:
        text: The id.
        unknown: The error to raise if it is malformed: the same as for an id that does not exist.
    """
    try:
        return UUID(text)
    except ValueError:
        raise unknown(text) from None
