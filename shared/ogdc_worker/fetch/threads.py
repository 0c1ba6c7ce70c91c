"""Several things at once, for what waits for others."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from ogdc_worker.waiting import MAX_WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")


def in_threads(work: Callable[[int], _T], count: int, *, at_once: int) -> Iterator[_T]:
    """Yield what `work` makes of 0, 1, … as it comes; an error is raised at once and nothing more is begun.

    The threads are daemons: a signal that ends the task need not wait for a slow server.
    """
    todo = deque(range(count))
    done: SimpleQueue[_T | Exception] = SimpleQueue()

    def worker() -> None:
        with suppress(IndexError):
            while True:
                done.put(_outcome(work, todo.popleft()))

    for _ in range(min(at_once, count)):
        Thread(target=worker, daemon=True).start()
    try:
        for _ in range(count):
            result = _next(done)
            if isinstance(result, Exception):
                raise result
            yield result
    finally:
        todo.clear()


def _next(done: SimpleQueue[_T]) -> _T:
    while True:
        with suppress(Empty):
            return done.get(timeout=MAX_WAIT_SECONDS)


def _outcome(work: Callable[[int], _T], number: int) -> _T | Exception:
    try:
        return work(number)
    except Exception as exc:  # it is raised again in the main thread
        return exc
