"""Reading the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from ogdc_shared.db import audit as db
from ogdc_shared.db.audit import ActPage
from ogdc_shared.db.users import find_called

if TYPE_CHECKING:
    from ogdc_shared.context import Context
    from ogdc_shared.db.connection import LimitedConnection


def list_acts(
    context: Context,
    *,
    user: str | None,
    action: str | None,
    what: str | None,
    before: int | None,
    limit: int,
) -> ActPage:
    """Read a page of what was done, newest first.

    Args:
        context: Where everything is.
        user: Only what this one did: an id, or what they are called.
        action: Only such acts.
        what: Only what was done to this.
        before: The `next` of the page before this one.
        limit: How many.

    Raises:
        InvalidRequestError: several users are called so.
    """
    with context.database.autocommit() as conn:
        actor = None if user is None else _actor(conn, user)
        if user is not None and actor is None:
            return ActPage([], None)
        return db.list_acts(conn, actor=actor, action=action, what=what, before=before, limit=limit)


def _actor(conn: LimitedConnection, user: str) -> UUID | None:
    try:
        return UUID(user)
    except ValueError:
        found = find_called(conn, user)
        return None if found is None else found.id
