"""Reserving disk space for a pod's termination message."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

_KEEP_SIZE = 1
"""FALLOC_FL_KEEP_SIZE of linux/falloc.h. File systems without it reserve nothing."""


def with_room(message: Path, size: int) -> Path:
    """Reserve space for a message, so that a pod that fails on a full disk can say so; returns `message`.

    Raises:
        OSError: there is no space, so the pod should be started later.
    """
    import ctypes

    with suppress(AttributeError), message.open("r+b") as file:
        # Unlike os.posix_fallocate, this leaves the file as long as it is.
        fallocate = ctypes.CDLL(None, use_errno=True).fallocate
        failed = fallocate(file.fileno(), _KEEP_SIZE, ctypes.c_longlong(0), ctypes.c_longlong(size))
        if failed and ctypes.get_errno() == errno.ENOSPC:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(message))
    return message
