"""Bearer tokens of OpenID Connect issuers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.auth.permissions import Role
from ogdc_shared.errors import UnauthenticatedError

if TYPE_CHECKING:
    from ogdc_shared.config import Settings


class Identity(NamedTuple):
    """Whom a valid token is about."""

    issuer: str
    subject: str
    """What the issuer calls them; with the issuer, it says who they are for ever."""
    name: str
    """As they are shown."""
    role: Role | None
    """The most that its scopes or claims grant; None: they say nothing of a role."""


def verify(token: str, *, settings: Settings, now: datetime) -> Identity:
    """Say whom a token is about, once it is proved that an issuer of the deployment made it for this service.

    Raises:
        UnauthenticatedError: that cannot be proved.
        UnavailableError: the issuer's keys are needed and cannot be had.
    """
    raise UnauthenticatedError(
        "This deployment takes API tokens (ogdc_…) alone: tokens of OpenID Connect are not verified yet.",
        error="invalid_token",
    )
