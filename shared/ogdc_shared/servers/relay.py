"""Relaying bytes between two sockets, for proxies on both sides of a sandbox."""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from threading import Thread

_PIECE = 65536


def relay(one: socket.socket, other: socket.socket, *, idle: float | None = None) -> None:
    """Relay bytes between two connections in both directions, until both are at their end or one is closed.

    Args:
        one: A connection; the caller closes it.
        other: The other connection.
        idle: Seconds without a byte in either direction after which both are shut down, or None for no limit.
    """
    line = _Line(idle)
    back = Thread(target=line.pass_on, args=(other, one), daemon=True)
    back.start()
    line.pass_on(one, other)
    back.join()


class _Line:
    """Both directions of a relay, and when something last came through."""

    def __init__(self, idle: float | None) -> None:
        self._idle = idle
        self._last = time.monotonic()

    def pass_on(self, source: socket.socket, target: socket.socket) -> None:
        """Pass bytes on in one direction until its end, which the target gets to know."""
        with suppress(OSError):
            target.settimeout(self._idle)
            while self._has_more(source, target) and (piece := source.recv(_PIECE)):
                self._last = time.monotonic()
                target.sendall(piece)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _has_more(self, source: socket.socket, target: socket.socket) -> bool:
        """Wait for bytes; return False if none arrive in time, or the target is closed."""
        poll = select.poll()
        poll.register(source, select.POLLIN)
        poll.register(target, 0)  # the kernel tells of its end all the same
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(self._left())]
            if ready or self._is_idle():
                return source.fileno() in ready

    def _left(self) -> float | None:
        """Milliseconds until the line counts as idle."""
        return None if self._idle is None else 1000 * max(0.0, self._last + self._idle - time.monotonic())

    def _is_idle(self) -> bool:
        return self._idle is not None and time.monotonic() >= self._last + self._idle
