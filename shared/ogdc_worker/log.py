"""The log of this process, written to stdout and to a file that outlives the container.

Argo deletes pods, and the kubelet drops the beginning of a long log. So a task also leaves its log as an
artifact of bounded size (see `layout.log_key`). Nothing else depends on that artifact.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ogdc_shared.bounded_log import BoundedLog

KEPT_BYTES = 128 << 20
"""Maximum size of a task's log. Argo needs this twice while it uploads it; a pod reserves that much disk."""
_STDOUT = 1
_kept: BoundedLog | None = None
"""One log for the whole process, like stdout."""


def keep(path: str) -> None:
    """Also write everything that is logged from now on to a file; ignored if the file cannot be created."""
    global _kept  # noqa: PLW0603  see above
    with suppress(OSError):
        _kept = BoundedLog(path, limit=KEPT_BYTES)


def write(content: bytes) -> None:
    """Write to stdout and to the kept log.

    Raises:
        OSError: stdout is closed at the other end.
    """
    if _kept is not None:
        _kept.write(content)
    while content:
        content = content[os.write(_STDOUT, content) :]
