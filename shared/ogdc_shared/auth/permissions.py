"""What a caller has to be allowed for a request to be carried out; each route names one of these."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """What a user is; each may do what those before it may."""

    VIEWER = "viewer"
    SUBMITTER = "submitter"
    ADMIN = "admin"


class Permission(NamedTuple):
    """What a request takes."""

    role: Role | None
    """The least that its caller has to be; None: it is answered to anybody, known or not."""
    own: bool = False
    """Whether the role is enough only for what is the caller's own; what is others' takes an admin."""
    writes: bool = False
    """Whether something changes, which a read-only deployment refuses."""
    from_source: bool = False
    """Whether it comes from a source of the deployment, or its timer, which shows OGDC_EVENT_TOKEN."""


PUBLIC = Permission(None)
"""Says nothing about anybody's runs."""
SOURCE = Permission(None, from_source=True)
"""Of no user; no way into a cluster leads to it."""
READ = Permission(Role.VIEWER)
CHECK = Permission(Role.SUBMITTER)
"""Takes work of the service, and leaves nothing."""
CREATE = Permission(Role.SUBMITTER, writes=True)
"""Makes what is then the caller's own."""
CHANGE = Permission(Role.SUBMITTER, own=True, writes=True)
