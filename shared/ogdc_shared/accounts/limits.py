"""Limits on the number of runs of each user, in deployments with logins.

A submission checks the limit twice: first without a lock, before any work is done, which rejects nearly all
excess submissions; and again at the end of the transaction that records the run, under a lock for the user.
So the lock is held only for counting and the commit, and concurrent submissions never exceed the limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from ogdc_shared.auth.permissions import Role
from ogdc_shared.db.submissions import count_unfinished
from ogdc_shared.db.users import lock_user
from ogdc_shared.errors import LimitError, RoleError

if TYPE_CHECKING:
    from ogdc_shared.auth.caller import Caller
    from ogdc_shared.config import Settings
    from ogdc_shared.db.connection import LimitedConnection

_RETRY_SECONDS = 60


def check_priority(priority: int, *, caller: Caller) -> None:
    """Let admins alone have their runs before those of others; anybody may let others go first.

    Raises:
        RoleError: somebody else wants to.
    """
    if priority > 0 and caller.role != Role.ADMIN:
        raise RoleError(
            f"priority={priority}: a priority above 0 requires the role admin, and {caller.name} is "
            f"{caller.role}. Leave it out, or give one below 0 to let other runs go first."
        )


def is_limited(settings: Settings) -> bool:
    """Whether the deployment limits each user's number of runs."""
    limits = settings.access
    return settings.access_mode == "authenticated" and bool(limits.max_running_runs or limits.max_queued_runs)


def require_room(
    conn: LimitedConnection,
    user_id: UUID,
    *,
    settings: Settings,
    but: str | None = None,
    locked: bool = False,
) -> None:
    """Refuse a user who has as many runs as they may.

    Args:
        conn: The database.
        user_id: Whose runs they are.
        settings: The deployment's.
        but: A run that does not count: the one that wants room.
        locked: Whether the answer has to hold until the transaction ends.

    Raises:
        LimitError: they have.
    """
    if not is_limited(settings):
        return
    limits = settings.access
    if locked:
        lock_user(conn, user_id)
    running, queued = count_unfinished(conn, user_id, but=but)
    _require_fewer(running, limits.max_running_runs, "running", variable="OGDC_MAX_RUNNING_RUNS")
    _require_fewer(queued, limits.max_queued_runs, "waiting to begin", variable="OGDC_MAX_QUEUED_RUNS")


def _require_fewer(count: int, most: int, what: str, *, variable: str) -> None:
    if most and count >= most:
        raise LimitError(
            f"You have {count} runs that are {what}, and the limit is {most} ({variable}). "
            "Wait for one to end, or cancel one.",
            retry_after=_RETRY_SECONDS,
        )
