"""The permissions that routes require."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """What a user is; each may do what those before it may."""

    VIEWER = "viewer"
    SUBMITTER = "submitter"
    ADMIN = "admin"

    def covers(self, other: Role) -> bool:
        """Whether who has this role may do all that the other may."""
        order = [*Role]
        return order.index(self) >= order.index(other)


def lesser(one: Role, other: Role) -> Role:
    """The role of two that may do less."""
    return other if one.covers(other) else one


class Permission(NamedTuple):
    """What a request takes."""

    role: Role | None
    """The lowest role that is sufficient; None if no login is needed."""
    own: bool = False
    """Whether the role is only sufficient for the caller's own objects; those of others require an admin."""
    writes: bool = False
    """Whether something changes, which a read-only deployment refuses."""
    from_source: bool = False
    """Whether it comes from a source of the deployment, or its timer, which shows OGDC_EVENT_TOKEN."""
    opened: bool = False
    """Whether OGDC_PUBLIC_READ opens it to callers who have not logged in."""
    accounts: bool = False
    """Whether it is about users and tokens, which there are only where callers log in."""


PUBLIC = Permission(None)
"""Says nothing about anybody's runs."""
SOURCE = Permission(None, from_source=True)
"""Of no user; no way into a cluster leads to it."""
READ = Permission(Role.VIEWER, opened=True)
CHECK = Permission(Role.SUBMITTER)
"""Takes work of the service, and leaves nothing."""
CREATE = Permission(Role.SUBMITTER, writes=True)
"""Creates something that then belongs to the caller."""
CHANGE = Permission(Role.SUBMITTER, own=True, writes=True)
READ_OWN = Permission(Role.SUBMITTER, own=True)
SELF = Permission(Role.VIEWER)
"""Says what the service knows of its caller."""
READ_TOKENS = Permission(Role.VIEWER, own=True, accounts=True)
CHANGE_TOKENS = Permission(Role.VIEWER, own=True, writes=True, accounts=True)
INSPECT = Permission(Role.ADMIN, accounts=True)
ADMINISTER = Permission(Role.ADMIN, writes=True, accounts=True)
