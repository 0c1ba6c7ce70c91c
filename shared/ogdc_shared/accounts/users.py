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
        UnknownUserError: there is none of that id.
    """
    with context.database.autocommit() as conn:
        return db.get_user(conn, read_id(user_id))


def add_user(context: Context, asked: UserRequest, *, caller: Caller) -> User:
    """Record a user before they log in, or one of this service's own.

    Raises:
        InvalidRequestError: the issuer is none that anybody can log in by.
        UserExistsError: they are known.
    """
    if asked.issuer in {OPEN, ""}:
        raise InvalidRequestError(f"issuer={asked.issuer!r}: there are no logins from this issuer.")
    for field in ("subject", "issuer", "name"):
        if not (getattr(asked, field) or "x").isprintable():
            raise InvalidRequestError(f"{field}: give printable characters.")
    new = NewUser(asked.issuer, asked.subject, asked.name or asked.subject, asked.role)
    with context.database.transaction() as conn:
        user = db.add_user(conn, new)
        known = {"issuer": user.issuer, "subject": user.subject, "role": user.role}
        record_act(conn, Action.ADD_USER, str(user.id), caller=caller, **known)
    return user


def change_user(context: Context, user_id: str, asked: UserChange, *, caller: Caller) -> User:
    """Give a user a role, or refuse them from now on, or no longer.

    Raises:
        UnknownUserError: there is none of that id.
        OwnAccountError: it is the caller, who would lock themselves out.
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
    """Read an id.

    Args:
        text: The id.
        unknown: How to say that nothing has it, which is so, too, where it is none.
    """
    try:
        return UUID(text)
    except ValueError:
        raise unknown(text) from None
