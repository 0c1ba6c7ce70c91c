"""Messages for errors, which are either the user's to fix or bugs of the engine."""

from __future__ import annotations

from ogdc_shared.errors import OgdcError


def reason_of(error: Exception) -> str:
    """Return the message that a workflow or task shows for an error."""
    if isinstance(error, (OgdcError, OSError)):
        return str(error)
    return (
        f"The engine failed by its own fault: {type(error).__name__}: {error}. "
        "Report it with the stack's log."
    )
