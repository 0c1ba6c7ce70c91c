"""What this process prints: to stdout, and to a file that outlives the container that it runs in.

Argo forgets a pod, and the kubelet the beginning of a long log. So a task leaves its log as an artifact (see
`layout.log_key`), which is bounded, and is not needed for anything else.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ogdc_shared.bounded_log import BoundedLog

KEPT_BYTES = 128 << 20
"""Of a task's log, twice while Argo takes it over; a pod has room for that beside its scratch space."""
_STDOUT = 1
_kept: BoundedLog | None = None
"""One for the whole process, as stdout is."""


def keep(path: str) -> None:
    """Have all that is printed from now on in a file, too; none where a workflow has no place for it."""
    global _kept  # noqa: PLW0603  see above
    with suppress(OSError):
        _kept = BoundedLog(path, limit=KEPT_BYTES)


def write(content: bytes) -> None:
    """Print.

    Raises:
        OSError: nobody is at the other end of stdout.
    """
    if _kept is not None:
        _kept.write(content)
    while content:
        content = content[os.write(_STDOUT, content) :]
