"""Authenticating a request by its credentials: none, a name, an API token or an issuer's token.

In modes without logins nothing else is imported and the database is not queried.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.auth.caller import ANONYMOUS, OPEN, Caller, claimed_caller
from ogdc_shared.auth.permissions import Permission, Role
from ogdc_shared.errors import ForbiddenError, UnauthenticatedError

if TYPE_CHECKING:
    from ogdc_shared.context import Context

_NOBODY = Caller(ANONYMOUS, OPEN, ANONYMOUS, Role.VIEWER)
_OPEN_ROLES = {"open": Role.ADMIN, "read_only": Role.VIEWER}
"""The role of callers without credentials, by access mode."""
_SCHEME = "bearer"


class Credentials(NamedTuple):
    """What a request says about its caller."""

    authorization: str | None
    """The header of that name."""
    claimed: str | None
    """The header OGDC-User."""


def identify(context: Context, credentials: Credentials, permission: Permission) -> Caller:
    """Return who calls, or refuse them.

    Raises:
        UnauthenticatedError: the deployment wants callers to log in, and this one did not, or not believably.
        ForbiddenError: the caller, or anybody here, may not do this.
        InvalidRequestError: the header OGDC-User holds no name.
        LimitError: the caller makes too many requests.
        UnavailableError: it cannot be found out just now.
    """
    if permission.role is None:
        return _NOBODY
    mode = context.settings.access_mode
    if mode == "authenticated":
        return _logged_in(context, credentials, permission)
    if permission.accounts:
        raise ForbiddenError(
            f"This deployment requires no login (ACCESS_MODE={mode}), so it has no users and no tokens."
        )
    if mode == "read_only" and permission.writes:
        raise ForbiddenError(
            "This deployment is read-only (ACCESS_MODE=read_only): runs can be viewed but not changed."
        )
    return claimed_caller(credentials.claimed, role=_OPEN_ROLES[mode])


def _logged_in(context: Context, credentials: Credentials, permission: Permission) -> Caller:
    if credentials.authorization is None:
        if permission.opened and context.settings.access.public_read:
            return _NOBODY
        raise UnauthenticatedError(
            "You are not logged in, and this deployment requires it. Log in with `ogdc-runner login`, or "
            "send an API token as `Authorization: Bearer ogdc_…`."
        )
    from ogdc_shared.accounts.login import caller_of

    caller = caller_of(context, bearer(credentials.authorization))
    context.rates.take(caller.user_id, now=monotonic())
    caller.require(permission)
    return caller


def bearer(authorization: str) -> str:
    """Return the token of an Authorization header; it is never part of a message, which may be logged.

    Raises:
        UnauthenticatedError: the header has another form.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != _SCHEME or not token.strip():
        raise UnauthenticatedError(
            "The header Authorization has to hold a bearer token: `Bearer …`.", error="invalid_request"
        )
    return token.strip()
