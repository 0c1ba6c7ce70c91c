"""A timeout for an operation as a whole."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

_T = TypeVar("_T")


def within(seconds: float, work: Callable[[], _T]) -> _T:
    """Run `work` in a thread of its own, and wait no longer than this.

    A server that responds byte by byte never exceeds a socket's timeout. A late thread is abandoned, and ends
    with the program.

    Raises:
        TimeoutError: it takes longer. Errors of `work` are raised, too.
    """
    done: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as exc:
            failed.append(exc)

    thread = Thread(target=run, name="within", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TimeoutError
    return done[0]
