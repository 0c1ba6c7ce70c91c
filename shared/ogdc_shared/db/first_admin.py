"""The first admin, a service account that is created with the schema.

Its token is created and printed once, even if several migrations run concurrently. It is valid for only a few
days: long enough to log in, grant somebody the role admin, and revoke it.
"""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from ogdc_shared.auth.caller import OWN_ISSUER
from ogdc_shared.auth.permissions import Role
from ogdc_shared.db.api_tokens import list_tokens, make_token, revoke_token
from ogdc_shared.db.audit import Action, record_act
from ogdc_shared.db.database import Database
from ogdc_shared.db.users import NewUser, User, change_user, ensure_user, insert_user

SUBJECT = "admin"
TOKEN_DAYS = 7


def shown_once(token: str) -> str:
    """Return the text that shows the first admin's token to the operator."""
    return f"The first admin's API token, valid for {TOKEN_DAYS} days and shown this once:\n{token}"


def make_first_admin(database: Database) -> str | None:
    """Create the first admin and return the token, or None if that was done before.

    Raises:
        DatabaseUnavailableError: PostgreSQL does not respond.
    """
    with database.transaction() as conn:
        return _new_token(conn, _get_admin(conn).id) if _add_admin(conn) else None


def renew_first_admin(database: Database) -> str:
    """Revoke all tokens of the first admin, restore the role admin, and return a new token.

    Raises:
        DatabaseUnavailableError: PostgreSQL does not respond.
    """
    with database.transaction() as conn:
        _add_admin(conn)
        admin = _get_admin(conn)
        if admin.role != Role.ADMIN or admin.disabled_at is not None:
            change_user(conn, admin.id, role=Role.ADMIN, set_role=True, disabled=False)
            change = {"role": Role.ADMIN, "disabled": False}
            record_act(conn, Action.CHANGE_USER, str(admin.id), caller=None, **change)
        for token in list_tokens(conn, owner=admin.id, limit=None, offset=0).tokens:
            revoke_token(conn, token.id)
            record_act(conn, Action.REVOKE_TOKEN, str(token.id), caller=None, name=token.name)
        return _new_token(conn, admin.id)


def _add_admin(conn: Connection) -> bool:
    """Insert the first admin; False if there is one."""
    if not insert_user(conn, NewUser(OWN_ISSUER, SUBJECT, SUBJECT, Role.ADMIN)):
        return False
    known = {"issuer": OWN_ISSUER, "subject": SUBJECT, "role": Role.ADMIN}
    record_act(conn, Action.ADD_USER, str(_get_admin(conn).id), caller=None, **known)
    return True


def _get_admin(conn: Connection) -> User:
    return ensure_user(conn, SUBJECT, issuer=OWN_ISSUER)


def _new_token(conn: Connection, admin: UUID) -> str:
    made = make_token(conn, owner=admin, name="first admin", role=Role.ADMIN, days=TOKEN_DAYS, caller=None)
    return made.token
