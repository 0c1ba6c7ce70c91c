"""Termination signals raised as exceptions, so that current work is cleaned up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class TerminatedError(SystemExit):
    """A batch system, a closed terminal or another program wants this one to end."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


INTERRUPTS = (KeyboardInterrupt, TerminatedError)
"""What somebody raises who wants the program to end, whatever it does."""


def raise_on_termination() -> None:
    """Have SIGTERM and SIGHUP raise `TerminatedError`; one that is ignored (`nohup`) stays so."""
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold what asks the program to end until this is left, whichever thread the system tells of it."""
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING)}
    held = {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}
    for number in held:
        signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _raise(number: int, _frame: FrameType | None) -> None:
    raise TerminatedError(number)
