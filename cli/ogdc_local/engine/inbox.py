"""Passes calls from other threads to the scheduler's thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue


class Inbox:
    """A queue of calls, with a descriptor that becomes readable when there are some."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._reader, self._writer = os.pipe()
        self._closed = False
        self._is_readable = False
        for descriptor in (self._reader, self._writer):
            os.set_blocking(descriptor, False)

    def fileno(self) -> int:
        """Return the descriptor, for a selector."""
        return self._reader

    def post(self, call: Callable[[], None]) -> None:
        """Add a call; thread-safe. After `close` it is never executed."""
        self._calls.put(call)
        self.wake()

    def wake(self) -> None:
        """Make the descriptor readable."""
        with self._lock:
            if not (self._closed or self._is_readable):
                os.write(self._writer, b".")
                self._is_readable = True

    def take(self) -> Iterator[Callable[[], None]]:
        """Yield the calls so far, in order."""
        with self._lock:
            if self._is_readable:
                os.read(self._reader, 1)
                self._is_readable = False
        with suppress(Empty):
            while True:
                yield self._calls.get_nowait()

    def close(self) -> None:
        """Close the descriptors."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._reader)
                os.close(self._writer)
