"""Room on the disk for what a pod has to say."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

_KEEP_SIZE = 1
"""FALLOC_FL_KEEP_SIZE of linux/falloc.h; where a filesystem has no such thing, there is no room kept."""


def with_room(message: Path, size: int) -> Path:
    """Take up the room for a message now: a pod that fails for want of it has to have some to say so.

    Raises:
        OSError: there is none, so that the pod is better begun later.
    """
    import ctypes

    with suppress(AttributeError), message.open("r+b") as file:
        # Unlike os.posix_fallocate, this leaves the file as long as it is.
        fallocate = ctypes.CDLL(None, use_errno=True).fallocate
        failed = fallocate(file.fileno(), _KEEP_SIZE, ctypes.c_longlong(0), ctypes.c_longlong(size))
        if failed and ctypes.get_errno() == errno.ENOSPC:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(message))
    return message
