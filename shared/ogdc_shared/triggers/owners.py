"""The user that a trigger's runs belong to."""

from __future__ import annotations

from ogdc_shared.accounts.roles import acting_for
from ogdc_shared.auth.caller import Caller
from ogdc_shared.auth.permissions import CREATE
from ogdc_shared.context import Context
from ogdc_shared.db.users import get_user
from ogdc_shared.triggers.record import Trigger


def owner_of(context: Context, trigger: Trigger) -> Caller:
    """Whose the runs are.

    Raises:
        ForbiddenError: they may start none (any more).
    """
    with context.database.autocommit() as conn:
        return acting_for(context.settings, get_user(conn, trigger.owner_id), CREATE)
