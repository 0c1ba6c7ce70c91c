"""What a process asks of the kernel for itself.

Source: prctl(2).
"""

from __future__ import annotations

SET_DUMPABLE = 4
SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Ask for it; where the system has no such thing, nothing happens."""
    import _ctypes  # what ctypes is made of, which takes longer to import than many a command runs

    function = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]
    _ctypes.call_function(function, (option, value, 0, 0, 0))
