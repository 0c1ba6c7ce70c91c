"""The effective role of a user, from their record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_shared.access_settings import NO_ROLE
from ogdc_shared.auth.caller import OPEN, Caller
from ogdc_shared.auth.permissions import Permission, Role
from ogdc_shared.errors import ForbiddenError

if TYPE_CHECKING:
    from ogdc_shared.config import Settings
    from ogdc_shared.db.users import User


def role_of(settings: Settings, *, issuer: str, given: str | None, claimed: str | None) -> Role | None:
    """Return a user's role in a deployment with logins, or None if they have none.

    A role given by an admin takes precedence over one claimed at the last login, and that over the default
    that the deployment gives to all who log in. The default does not apply to the issuer `open`, where nobody
    logs in.

    Args:
        settings: The deployment's settings.
        issuer: The user's issuer.
        given: The role that an admin gave them.
        claimed: The role that their last login granted.
    """
    if known := given or claimed:
        return Role(known)
    default = settings.access.default_role
    return None if issuer == OPEN or default == NO_ROLE else Role(default)


def admitted(name: str, role: Role | None, *, is_disabled: bool) -> Role:
    """The role of a user who may call.

    Raises:
        ForbiddenError: they may not: they are disabled, or have no role.
    """
    if is_disabled:
        raise ForbiddenError(f"{name} is disabled. Ask an admin of the deployment to enable this user.")
    if role is None:
        raise ForbiddenError(f"{name} has no role in this deployment yet. Ask an admin for one.")
    return role


def acting_for(settings: Settings, user: User, permission: Permission) -> Caller:
    """Return the caller as whom a service acts later on behalf of a user.

    In deployments without logins every user may act, except those disabled earlier.

    Raises:
        ForbiddenError: they may not do so (any more).
    """
    role: Role | None = Role.ADMIN
    if settings.access_mode == "authenticated":
        role = role_of(settings, issuer=user.issuer, given=user.role, claimed=user.claimed_role)
    allowed = admitted(user.name, role, is_disabled=user.disabled_at is not None)
    caller = Caller(user.name, user.issuer, user.subject, allowed, user_id=user.id)
    caller.require(permission)
    return caller
