"""The message of a failure, and whether retrying the task may help."""

from __future__ import annotations

import errno

from ogdc_shared.errors import NO_ROOM, OgdcError, UnavailableError
from ogdc_worker.room import no_room

_PASSING = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN})
"""Errors that a network file system returns during a temporary outage."""


def explain(exc: Exception) -> str:
    """Return the message to show for an exception."""
    if isinstance(exc, OgdcError):
        return str(exc)
    if isinstance(exc, OSError) and exc.errno in NO_ROOM:
        return f"{no_room()} ({exc}). Free some, or ask for more; then try again."
    if isinstance(exc, OSError):
        return f"The task's files cannot be used: {exc}."
    return f"The worker failed by its own fault: {type(exc).__name__}: {exc}. Report it with the task's log."


def is_passing(exc: Exception) -> bool:
    """Whether the failure is temporary (a server or disk), so that a retry can continue from here."""
    if isinstance(exc, OSError):
        return exc.errno in NO_ROOM | _PASSING
    return isinstance(exc, UnavailableError)
