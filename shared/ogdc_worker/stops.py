"""Stopping this process by a signal, and holding a stop back while it would leave a wrong impression."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(SystemExit):
    """Raised by the signal handler when the task is asked to stop."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(self.exit_code)


class Stops:
    """What happens on SIGTERM and SIGINT."""

    def __init__(self) -> None:
        self._is_held = False
        self._held: int | None = None
        """The signal that arrived meanwhile, or None."""

    def handle(self) -> None:
        """Raise `Stopped` on the first signal, which ends the running command as it propagates."""
        self._is_held, self._held = False, None
        for number in _SIGNALS:
            signal.signal(number, self._stop)

    def hold(self) -> None:
        """Hold signals back until `release`, or for good if the task ends before."""
        self._is_held = True

    def hold_back(self, stopped: Stopped) -> None:
        """Hold back a signal that was raised, until `release`."""
        self._is_held, self._held = True, stopped.exit_code - 128

    def release(self) -> None:
        """Handle a signal that was held back, and further ones at once."""
        self._is_held = False
        if self._held is not None:
            self._stop(self._held, None)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self._is_held:
            self._held = number
            return
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)


STOPS = Stops()
"""Those of this process."""
