"""Errors of the local stack."""

from __future__ import annotations

from pathlib import Path

from ogdc_shared.errors import OgdcError


class StackError(OgdcError):
    """The local stack cannot start, run or stop; the message says why and what to do."""


class RemovedStateError(StackError):
    """State of a running stack was removed or replaced."""


class DamagedStateError(StackError):
    """A damaged file or directory of the state.

    Attributes:
        path: The file or directory.
    """

    def __init__(self, path: Path, *, reason: str, lost: str) -> None:
        """Build the message.

        Args:
            path: The file or directory.
            reason: What is wrong with it.
            lost: What is lost without it.
        """
        super().__init__(
            f"{path} is damaged: {reason.rstrip('.')}. `ogdc-runner up --set-damaged-aside` renames it and "
            f"starts without it; what is lost with it: {lost}."
        )
        self.path = path
        self.facts = {"path": str(path), "reason": reason, "lost": lost}
