"""Resolving a bearer token to its user and their current permissions.

Each request reads the user's row, so that a disabled user or a revoked token is rejected at once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING

from ogdc_shared.accounts.roles import admitted, role_of
from ogdc_shared.auth import tokens
from ogdc_shared.auth.caller import Caller, TokenUsed
from ogdc_shared.auth.permissions import Role, lesser
from ogdc_shared.db.api_tokens import TokenUser, find_token_user, record_use
from ogdc_shared.db.users import NewUser, User, find_user, insert_user, record_seen
from ogdc_shared.errors import ForbiddenError, UnauthenticatedError

if TYPE_CHECKING:
    from ogdc_shared.auth.oidc.issuers import Identity
    from ogdc_shared.context import Context
    from ogdc_shared.db.connection import LimitedConnection


def caller_of(context: Context, token: str) -> Caller:
    """Return who comes with a token.

    Raises:
        UnauthenticatedError: it proves nothing: made up, expired, revoked.
        ForbiddenError: it proves who they are, and they are refused.
        UnavailableError: it cannot be found out just now.
    """
    if token.startswith(tokens.PREFIX):
        return _by_api_token(context, token)
    return caller_of_identity(context, context.issuers.identify(token, now=time()))


def caller_of_identity(context: Context, identity: Identity) -> Caller:
    """Return the user who has logged in; the first login records a new user.

    Raises:
        ForbiddenError: the user is not admitted.
    """
    with context.database.autocommit() as conn:
        user = _seen(conn, identity, create=context.settings.access.create_users)
    role = role_of(context.settings, issuer=user.issuer, given=user.role, claimed=user.claimed_role)
    allowed = admitted(user.name, role, is_disabled=user.disabled_at is not None)
    return Caller(name=user.name, issuer=user.issuer, subject=user.subject, role=allowed, user_id=user.id)


def _by_api_token(context: Context, token: str) -> Caller:
    if not tokens.is_token(token):
        raise _refused("This is not an API token: it is mistyped or cut off.")
    with context.database.autocommit() as conn:
        found = find_token_user(conn, tokens.token_hash(token))
        used = _valid(found)
        if used.is_first_today:
            record_use(conn, used.id)
    role = role_of(context.settings, issuer=used.issuer, given=used.user_role, claimed=used.claimed_role)
    allowed = admitted(used.user_name, role, is_disabled=used.is_disabled)
    return Caller(
        name=used.user_name,
        issuer=used.issuer,
        subject=used.subject,
        role=lesser(allowed, Role(used.role)),
        user_id=used.user_id,
        token=TokenUsed(used.id, used.name, Role(used.role), used.expires_at),
    )


def _valid(found: TokenUser | None) -> TokenUser:
    """Refuse a token that is not valid (any more)."""
    if found is None or found.is_revoked:
        raise _refused("This API token was revoked, or is not from this deployment.")
    if found.is_expired:
        raise _refused(f"The API token {found.name!r} expired on {found.expires_at:%Y-%m-%d}.")
    return found


def _refused(reason: str) -> UnauthenticatedError:
    return UnauthenticatedError(
        f"{reason} A new one is made by `ogdc-runner tokens create`.", error="invalid_token"
    )


def _seen(conn: LimitedConnection, identity: Identity, *, create: bool) -> User:
    """Return the row of the user who logs in; insert it at the first login, and update what has changed."""
    while (user := find_user(conn, identity.subject, issuer=identity.issuer)) is None:
        if not create:
            raise ForbiddenError(
                f"{identity.name} has logged in but is not a user of this deployment. Ask an admin to add "
                f"the user {identity.subject} of the issuer {identity.issuer}."
            )
        insert_user(conn, NewUser(identity.issuer, identity.subject, identity.name))
    today = datetime.now(UTC).date()
    news = (identity.name, identity.role, today) != (user.name, user.claimed_role, user.last_seen_on)
    if news and user.disabled_at is None:
        record_seen(conn, user.id, name=identity.name, claimed_role=identity.role)
    return user._replace(name=identity.name, claimed_role=identity.role)
