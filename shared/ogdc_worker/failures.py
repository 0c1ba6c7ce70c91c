"""What a failure is called, and whether trying the task again may help."""

from __future__ import annotations

import errno

from ogdc_shared.errors import NO_ROOM, OgdcError, UnavailableError
from ogdc_worker.room import no_room

_PASSING = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN})
"""What a network file system says in a bad moment."""


def explain(exc: Exception) -> str:
    """Put a failure into words."""
    if isinstance(exc, OgdcError):
        return str(exc)
    if isinstance(exc, OSError) and exc.errno in NO_ROOM:
        return f"{no_room()} ({exc}). Free some, or ask for more; then try again."
    if isinstance(exc, OSError):
        return f"The task's files cannot be used: {exc}."
    return f"The worker failed by its own fault: {type(exc).__name__}: {exc}. Report it with the task's log."


def is_passing(exc: Exception) -> bool:
    """Whether something was away or full, so that another try goes on from there."""
    if isinstance(exc, OSError):
        return exc.errno in NO_ROOM | _PASSING
    return isinstance(exc, UnavailableError)
