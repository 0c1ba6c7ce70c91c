"""Cutting off clients that take too long to send a request: one thread for all connections of a process."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Condition, Thread
from time import monotonic


class Deadline:
    """When reading from a connection is shut down.

    Attributes:
        is_over: Whether it was.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self.at = monotonic() + seconds
        self.is_over = False
        self._connection = connection

    def lift(self) -> None:
        """Let the client take as long as it likes from now on."""
        self.at = math.inf

    def cut_off(self) -> None:
        """Shut down reading; whoever reads finds the end of the stream."""
        self.is_over = True
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RD)


class Watchdog:
    """Cuts off connections at their deadlines, from a thread that is started with the first one.

    The thread is woken only for a deadline before the one that it waits for. It waits for that one even if it
    has been lifted, so it seldom wakes. A thread for each connection would take 0.14 ms to start.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._deadlines: set[Deadline] = set()
        self._wakes_at = math.inf
        self._thread: Thread | None = None

    @contextmanager
    def watching(self, connection: socket.socket, seconds: float) -> Iterator[Deadline]:
        """Cut off a connection unless the block ends within `seconds`."""
        deadline = Deadline(connection, seconds)
        self._add(deadline)
        try:
            yield deadline
        finally:
            with self._changed:
                self._deadlines.discard(deadline)

    def _add(self, deadline: Deadline) -> None:
        with self._changed:
            self._deadlines.add(deadline)
            if self._thread is None or not self._thread.is_alive():  # it does not survive a fork
                self._wakes_at = deadline.at
                self._thread = Thread(target=self._run, name="cutting off", daemon=True)
                self._thread.start()
            elif deadline.at < self._wakes_at:
                self._wakes_at = deadline.at
                self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while True:
                now = monotonic()
                if now >= self._wakes_at:
                    for deadline in [each for each in self._deadlines if each.at <= now]:
                        self._deadlines.remove(deadline)
                        deadline.cut_off()
                    self._wakes_at = min((each.at for each in self._deadlines), default=math.inf)
                self._changed.wait(None if self._wakes_at == math.inf else self._wakes_at - now)
