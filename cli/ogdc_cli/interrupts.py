"""Signals that ask the program to end, raised as exceptions, so that what is under way is put in order."""

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


def raise_when_told_to_end() -> None:
    """Have SIGTERM and SIGHUP raise `TerminatedError`; one that is ignored (`nohup`) stays so."""
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold what asks the program to end until this is left."""
    held = {signal.SIGINT, *_ENDING}
    signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, held)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise TerminatedError(number)
