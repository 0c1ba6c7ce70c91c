"""The caller of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.auth.permissions import Permission, Role
from ogdc_shared.errors import ForbiddenError, InvalidRequestError, RoleError

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

USER_HEADER = "OGDC-User"
ANONYMOUS = "anonymous"
OPEN = "open"
"""The issuer of unauthenticated names."""
OWN_ISSUER = "ogdc"
"""Of users whom this service alone knows: they come with API tokens, and have no other login."""
_MAX_NAME = 128


class TokenUsed(NamedTuple):
    """The API token that a request came with."""

    id: UUID
    name: str
    role: Role
    """The role that it is limited to."""
    expires_at: datetime


class Caller(NamedTuple):
    """Who a request comes from."""

    name: str
    """As it is shown to others."""
    issuer: str
    """Who authenticated them; `open` for nobody."""
    subject: str
    """What the issuer calls them, which never changes."""
    role: Role
    """The role for this request: the user's, limited by that of the token."""
    user_id: UUID | None = None
    """Id of their user record; None if they are not authenticated and may have none yet."""
    token: TokenUsed | None = None
    """The API token they used, or None."""

    def require(self, permission: Permission) -> None:
        """Refuse who has not the role that a request takes.

        Raises:
            RoleError: they have not.
        """
        if permission.role is not None and not self.role.covers(permission.role):
            limited = f" with the token {self.token.name!r}" if self.token else ""
            raise RoleError(
                f"This requires the role {permission.role}, but {self.name}{limited} has the role "
                f"{self.role}. Ask an admin of the deployment for it."
            )

    def require_own(self, owner: UUID, what: str) -> None:
        """Check that the caller may change something: as its owner or an admin.

        Args:
            owner: Id of the owner.
            what: What it is and whose, for the message.

        Raises:
            ForbiddenError: the caller is neither.
        """
        if owner != self.user_id and self.role != Role.ADMIN:
            raise ForbiddenError(
                f"{what} belongs to another user; only its owner or an admin may do this. You are "
                f"{self.name}."
            )


def claimed_caller(claimed: str | None, *, role: Role) -> Caller:
    """Return the unauthenticated caller that a request names in the header OGDC-User.

    Args:
        claimed: The header's value, or None.
        role: The role of unauthenticated callers.

    Raises:
        InvalidRequestError: the value is not a name.
    """
    name = ANONYMOUS if claimed is None else _checked(claimed)
    return Caller(name, OPEN, name, role)


def _checked(claimed: str) -> str:
    name = claimed.strip()
    if not name or len(name) > _MAX_NAME or not (name.isascii() and name.isprintable()):
        raise InvalidRequestError(
            f"The header {USER_HEADER} holds {name[:_MAX_NAME]!r}; "
            f"give a name of 1 to {_MAX_NAME} printable ASCII characters."
        )
    return name
