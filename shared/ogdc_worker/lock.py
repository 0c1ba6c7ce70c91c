"""One worker at a time: Kubernetes may start a pod anew while the first, on a lost node, is still at work."""

from __future__ import annotations

import os

from ogdc_shared.errors import UnavailableError
from ogdc_shared.file_lock import lock_within


def open_locked(path: str, *, patience: float = 20.0) -> int:
    """Open a file, made if need be, for appending and reading, and hold its lock until it is closed.

    The end of the process closes it too, whatever ends it. A command may have put a link in its place, which
    is not followed.

    Args:
        path: The file.
        patience: Seconds to wait for another process to let go.

    Raises:
        UnavailableError: another process still holds it.
        OSError: it cannot be opened, or is a link.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        locked = lock_within(file, seconds=patience)
    except OSError:
        return file  # a file system that knows no locks is no reason not to work
    if not locked:
        os.close(file)
        raise UnavailableError(
            f"Another worker is at work here: it holds {path}. A later try may find it gone."
        )
    return file
