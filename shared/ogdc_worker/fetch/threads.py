"""Running I/O-bound functions concurrently."""

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
    """Yield the results of `work(0)`, `work(1)`, … as they finish; the first error ends the iteration.

    The threads are daemons, so a task that is stopped by a signal does not wait for a slow server.
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
    except Exception as exc:  # raised again in the main thread
        return exc
