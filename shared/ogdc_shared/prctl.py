"""The system call prctl without importing all of ctypes.

Source: prctl(2).
"""

from __future__ import annotations

SET_DEATH_SIGNAL = 1
SET_DUMPABLE = 4
SET_CHILD_SUBREAPER = 36


def prctl(option: int, value: int) -> None:
    """Call prctl; errors are ignored."""
    import _ctypes  # what ctypes is made of, which takes longer to import than many a command runs

    function = _ctypes.dlsym(_ctypes.dlopen(None, 0), "prctl")  # type: ignore[arg-type]
    _ctypes.call_function(function, (option, value, 0, 0, 0))
