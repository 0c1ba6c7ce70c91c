"""Connections to the stack: restricted by user, with a timeout for the request.

Anybody with an account on this machine can open any number of connections to a loopback port, and send
nothing or a byte now and then. So connections of other users are closed before anything is read, and all
connections that do not send a request within seconds are closed.

Source: waitress, `channel_class`, `accept` and `maintenance` of its servers; RFC 9112 section 9.6
(closing).
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer
from waitress.wasyncore import dispatcher

from ogdc_local.stack.peers import may_connect
from ogdc_local.stack.refusals import JsonErrorTask

HEADER_SECONDS = 5.0
"""Timeout from the first byte of a request, or from connecting, to the end of the headers."""
REQUEST_SECONDS = 120.0
"""Timeout to the end of the body."""
IDLE_SECONDS = 30.0
"""Timeout between requests."""
_LINGER_SECONDS = 1.0
_MAX_LINGERING = 32
_DETAIL = b'{"detail": "This is another user\'s local stack; `ogdc-runner up` starts one of your own."}'
_REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nConnection: close\r\n" + (
    b"Content-Length: %d\r\n\r\n%s" % (len(_DETAIL), _DETAIL)
)


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection of this user."""

    error_task_class = JsonErrorTask

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._begun_at: float | None = time.time()
        """Start of the incomplete request; None between requests."""
        super().__init__(*arguments, **options)

    def received(self, data: bytes) -> bool:
        """Process received data."""
        if self._begun_at is None:
            self._begun_at = time.time()
        taken: bool = super().received(data)
        if self.request is None:
            self._begun_at = None
        return taken

    def writable(self) -> bool:
        """Whether the server's thread has to send something.

        Waitress also says so while another thread sends, and then the server's thread looks again and again
        until that is done: twenty times a request under load.
        """
        if self.will_close or self.close_when_flushed:
            return True
        return bool(self.total_outbufs_len > (self.adj.outbuf_high_watermark if self._is_sending() else 0))

    def write_soon(self, data: Any) -> int:
        """Send `data`, or have the server's thread send what the connection does not take now."""
        taken: int = super().write_soon(data)
        if self.total_outbufs_len:  # the server's thread may have looked while this one was sending
            self.server.pull_trigger()
        return taken

    def _is_sending(self) -> bool:
        """Whether a thread is sending a response; beyond the watermark it waits for the server's thread."""
        if not self.outbuf_lock.acquire(blocking=False):
            return True
        self.outbuf_lock.release()
        return False

    def is_late(self, now: float) -> bool:
        """Whether a timeout has expired."""
        if self.requests or self.total_outbufs_len:
            return False
        since: float = self.last_activity if self._begun_at is None else self._begun_at
        return now - since > self._limit()

    def _limit(self) -> float:
        if self._begun_at is None:
            return IDLE_SECONDS
        in_body = self.request is not None and self.request.headers_finished
        return REQUEST_SECONDS if in_body else HEADER_SECONDS


class Listener(TcpWSGIServer):  # type: ignore[misc]
    """Accepts connections of this user only."""

    channel_class = Channel

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._refused: set[_Refused] = set()
        super().__init__(*arguments, **options)

    def accept(self) -> tuple[socket.socket, Any] | None:
        """Accept the next connection; None if it is another user's."""
        found: tuple[socket.socket, Any] | None = super().accept()
        if found is None:
            return None
        connection, client = found
        if may_connect(client, self.socket.getsockname()):
            return found
        if len(self._refused) < _MAX_LINGERING:
            self._refused.add(_Refused(connection, self._map))
        else:
            connection.close()
        return None

    def maintenance(self, now: float) -> None:
        """Close connections with expired timeouts."""
        for channel in [*self.active_channels.values()]:
            if channel.is_late(now):
                channel.will_close = True
        for refused in [*self._refused]:
            if refused.is_over(now):
                self._refused.discard(refused)
                refused.close()


class _Refused(dispatcher):  # type: ignore[misc]
    """A rejected connection, kept open until the client has read the error, which closing could discard."""

    def __init__(self, connection: socket.socket, channels: dict[int, Any]) -> None:
        super().__init__(connection, channels)
        self._until = time.time() + _LINGER_SECONDS
        with suppress(OSError):
            connection.send(_REFUSAL)
            connection.shutdown(socket.SHUT_WR)

    def is_over(self, now: float) -> bool:
        return now > self._until or not self.connected

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        with suppress(OSError):
            self.recv(8192)
