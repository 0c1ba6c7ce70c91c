"""The first admin of a local stack that requires logins."""

from __future__ import annotations

from ogdc_local.errors import StackError
from ogdc_local.stack.control import Stack
from ogdc_local.stack.environment import wants_logins
from ogdc_local.stack.paths import StatePaths
from ogdc_local.stack.postgres import DATABASE, USER


def first_admin_token(stack: Stack, *, anew: bool = False) -> str | None:
    """Create the first admin's API token and print it; None if it exists already, or users do not log in.

    Args:
        stack: The running stack.
        anew: Whether to create another token and revoke earlier ones.

    Raises:
        StackError: another token is requested, but users do not log in.
        OgdcError: the stack's database does not respond.
    """
    if wants_logins(stack.settings):
        return _made(anew=anew)
    if anew:
        raise StackError(
            f"The stack at {stack.url} requires no login, so it has no admin. "
            "OGDC_LOCAL_ACCESS_MODE=authenticated ogdc-runner up has it ask."
        )
    return None


def _made(*, anew: bool) -> str | None:
    from ogdc_shared.config import DatabaseSettings
    from ogdc_shared.db.database import Database
    from ogdc_shared.db.first_admin import make_first_admin, renew_first_admin, shown_once

    database = Database(
        DatabaseSettings(host=str(StatePaths.from_env().socket_dir()), name=DATABASE, user=USER)
    )
    try:
        token = renew_first_admin(database) if anew else make_first_admin(database)
    finally:
        database.close()
    return shown_once(token) if token else None
