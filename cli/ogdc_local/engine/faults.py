"""What a message says of an error, which is the user's to mend or the engine's own."""

from __future__ import annotations

from ogdc_shared.errors import OgdcError


def reason_of(error: Exception) -> str:
    """What a workflow's or a task's message says of an error."""
    if isinstance(error, (OgdcError, OSError)):
        return str(error)
    return (
        f"The engine failed by its own fault: {type(error).__name__}: {error}. "
        "Report it with the stack's log."
    )
