"""What the worker takes of `signal`, whose import makes enumerations of numbers: a millisecond of every task.

Type checkers see the real one.
"""

from __future__ import annotations

from ogdc_shared.fast_typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
else:
    import _signal as signal

__all__ = ["signal"]
