"""Timeouts for many operations with one thread; a thread for each would cost more than many requests."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Deadlines:
    """Operations with deadlines."""

    def __init__(self) -> None:
        """The thread starts with the first operation, and ends when none is left."""
        self._changed = Condition()
        self._watched: dict[Event, tuple[float, Callable[[], None]]] = {}
        self._wakes_at: float | None = None

    @contextmanager
    def limit(self, seconds: float, cut: Callable[[], None]) -> Iterator[Event]:
        """Call `cut` if the block takes longer than `seconds`.

        Yields:
            An event that is set if this happened.
        """
        is_cut = Event()
        self._watch(is_cut, time.monotonic() + seconds, cut)
        try:
            yield is_cut
        finally:
            with self._changed:
                self._watched.pop(is_cut, None)

    def _watch(self, is_cut: Event, deadline: float, cut: Callable[[], None]) -> None:
        with self._changed:
            self._watched[is_cut] = deadline, cut
            if self._wakes_at is None:
                self._wakes_at = deadline
                Thread(target=self._run, name="deadlines", daemon=True).start()
            elif deadline < self._wakes_at:
                self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while self._watched:
                self._wakes_at = min(deadline for deadline, _ in self._watched.values())
                self._changed.wait(max(0.0, self._wakes_at - time.monotonic()))
                self._cut_late()
            self._wakes_at = None

    def _cut_late(self) -> None:
        now = time.monotonic()
        for is_cut in [each for each, (deadline, _) in self._watched.items() if deadline <= now]:
            is_cut.set()
            _, cut = self._watched.pop(is_cut)
            cut()
