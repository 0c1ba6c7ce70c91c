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
"""The issuer of names that nobody vouches for."""
OWN_ISSUER = "ogdc"
"""Of users whom this service alone knows: they come with API tokens, and have no other login."""
_MAX_NAME = 128


class TokenUsed(NamedTuple):
    """The API token that a request came with."""

    id: UUID
    name: str
    role: Role
    """What it is limited to."""
    expires_at: datetime


class Caller(NamedTuple):
    """Who a request comes from."""

    name: str
    """As it is shown to others."""
    issuer: str
    """Who vouches for them; `open`: nobody."""
    subject: str
    """What the issuer calls them, which never changes."""
    role: Role
    """The most that this request may do: its user's, or that of its token where that is less."""
    user_id: UUID | None = None
    """Their row of users; None: nobody has logged in, and they may have none yet."""
    token: TokenUsed | None = None
    """None: they came with something else."""

    def require(self, permission: Permission) -> None:
        """Refuse who has not the role that a request takes.

        Raises:
            RoleError: they have not.
        """
        if permission.role is not None and not self.role.covers(permission.role):
            limited = f", as far as its token {self.token.name!r} goes" if self.token else ""
            raise RoleError(
                f"This takes the role {permission.role}; {self.name} is {self.role}{limited}. "
                "An admin of the deployment gives roles."
            )

    def require_own(self, owner: UUID, what: str) -> None:
        """Refuse who asks for a change of what is somebody else's, and is no admin.

        Args:
            owner: Whose it is.
            what: What it is, and whose, for the message.

        Raises:
            ForbiddenError: it is not the caller's own.
        """
        if owner != self.user_id and self.role != Role.ADMIN:
            raise ForbiddenError(
                f"{what} is not yours: it takes its owner, or the role admin. You are {self.name}."
            )


def claimed_caller(claimed: str | None, *, role: Role) -> Caller:
    """The caller that a request names by the header OGDC-User, on trust.

    Args:
        claimed: The header's value; None where there is none.
        role: What callers may do whom nobody vouches for.

    Raises:
        InvalidRequestError: the header holds no name.
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
