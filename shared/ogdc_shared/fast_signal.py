"""A substitute for `signal` in the worker, whose import creates enumerations: a millisecond of every task.

Type checkers see the real module.
"""

from __future__ import annotations

from ogdc_shared.fast_typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
else:
    import _signal as signal

__all__ = ["signal"]
