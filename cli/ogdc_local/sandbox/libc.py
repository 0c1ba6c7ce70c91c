"""Calls of the C library that Python does not offer."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes


def call(name: str, *arguments: object) -> None:
    """Call a function that returns -1 on failure, such as `setns`.

    Raises:
        OSError: the kernel does not allow it.
    """
    libc, last_error = _libc()
    if getattr(libc, name)(*arguments) < 0:
        number = last_error()
        raise OSError(number, f"{name}: {os.strerror(number)}")


@cache
def _libc() -> tuple[ctypes.CDLL, Callable[[], int]]:
    import ctypes  # an engine that runs no task does without

    return ctypes.CDLL(None, use_errno=True), ctypes.get_errno
