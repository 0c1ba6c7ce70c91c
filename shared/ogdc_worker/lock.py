"""A lock that keeps two workers off one workspace: Kubernetes may restart a pod that still runs elsewhere."""

from __future__ import annotations

import os

from ogdc_shared.errors import UnavailableError
from ogdc_shared.file_lock import lock_within


def open_locked(path: str, *, patience: float = 20.0) -> int:
    """Open a file for appending and reading, create it if needed, and lock it until it is closed.

    The kernel closes it when the process ends for any reason. A symbolic link that a command may have put in
    its place is not followed.

    Args:
        path: The file.
        patience: Seconds to wait for another process to release the lock.

    Raises:
        UnavailableError: another process still holds it.
        OSError: it cannot be opened, or is a link.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        locked = lock_within(file, seconds=patience)
    except OSError:
        return file  # a file system without locks must not prevent the work
    if not locked:
        os.close(file)
        raise UnavailableError(f"Another worker is running here: it holds {path}. Try again later.")
    return file
