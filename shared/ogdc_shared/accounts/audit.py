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
    """Return a page of the audit log, newest first.

    Args:
        context: The service's dependencies.
        user: Limits it to the acts of this user, given by id or name.
        action: Limits it to acts of this kind.
        what: Limits it to acts on this object.
        before: The `next` of the previous page.
        limit: The maximum number of acts.

    Raises:
        InvalidRequestError: several users have that name.
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
