"""The first admin, who gives roles to all others: a user of this service's own, made with the schema.

Their token is made and printed once, however many migrations run at once, and is valid for days alone: long
enough to log in, give somebody the role admin, and forget it.
"""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from ogdc_shared.auth.caller import OWN_ISSUER
from ogdc_shared.auth.permissions import Role
from ogdc_shared.db.api_tokens import list_tokens, make_token, revoke_token
from ogdc_shared.db.audit import Action, record_act
from ogdc_shared.db.database import Database
from ogdc_shared.db.users import NewUser, change_user, ensure_user, insert_user

SUBJECT = "admin"
TOKEN_DAYS = 7


def shown_once(token: str) -> str:
    """How whoever runs the deployment is shown the first admin's token."""
    return f"The first admin's API token, valid for {TOKEN_DAYS} days and shown this once:\n{token}"


def make_first_admin(database: Database) -> str | None:
    """Make the first admin and return their token; None: that was done before, and their token is nowhere.

    Raises:
        DatabaseUnavailableError: PostgreSQL does not answer.
    """
    with database.transaction() as conn:
        if not insert_user(conn, NewUser(OWN_ISSUER, SUBJECT, SUBJECT, Role.ADMIN)):
            return None
        return _new_token(conn, ensure_user(conn, SUBJECT, issuer=OWN_ISSUER).id)


def renew_first_admin(database: Database) -> str:
    """Make a new token for the first admin, and them an admin again; the tokens they had are revoked.

    Raises:
        DatabaseUnavailableError: PostgreSQL does not answer.
    """
    with database.transaction() as conn:
        admin = ensure_user(conn, SUBJECT, issuer=OWN_ISSUER)
        change_user(conn, admin.id, role=Role.ADMIN, set_role=True, disabled=False)
        for token in list_tokens(conn, owner=admin.id, limit=None, offset=0).tokens:
            revoke_token(conn, token.id)
            record_act(conn, Action.REVOKE_TOKEN, str(token.id), caller=None, name=token.name)
        return _new_token(conn, admin.id)


def _new_token(conn: Connection, admin: UUID) -> str:
    made = make_token(conn, owner=admin, name="first admin", role=Role.ADMIN, days=TOKEN_DAYS, caller=None)
    return made.token
