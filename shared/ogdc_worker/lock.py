"""One worker at a time: Kubernetes may start a pod anew while the first, on a lost node, is still at work."""

from __future__ import annotations

import fcntl
import os
import time

from ogdc_shared.errors import UnavailableError


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
    deadline = time.monotonic() + patience
    while not _locked(file):
        if time.monotonic() >= deadline:
            os.close(file)
            raise UnavailableError(
                f"Another worker is at work here: it holds {path}. A later try may find it gone."
            )
        time.sleep(0.1)
    return file


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system that knows no locks is no reason not to work
    return True
