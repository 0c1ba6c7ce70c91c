"""An HTTP server on the loopback address, in threads of this process."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from waitress import wasyncore
from waitress.task import ThreadedTaskDispatcher

from ogdc_local.stack.connections import Listener

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOST = "127.0.0.1"
_MAX_BODY = 80 * 1024 * 1024
_MAX_CONNECTIONS = 500
_DRAIN_SECONDS = 5.0
_LOOP_SECONDS = 1.0
_MAX_UNSENT = 1024 * 1024
"""Maximum number of buffered bytes of a response; the writer waits then, to bound memory."""


def listen(port: int | None) -> socket.socket:
    """Listen on `port`, or on a free port if it is None or in use."""
    if port is not None:
        try:
            return socket.create_server((HOST, port))
        except OSError:
            pass
    return socket.create_server((HOST, 0))


def url_of(listener: socket.socket) -> str:
    """Return the base URL of `listener`."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


class Server:
    """Serves a WSGI application while its context is entered."""

    def __init__(self, listener: socket.socket, application: WSGIApplication, *, threads: int) -> None:
        self._channels: dict[int, Any] = {}
        self._dispatcher = ThreadedTaskDispatcher()
        self._dispatcher.set_thread_count(threads)
        self._server = Listener(
            application,
            self._channels,
            _sock=listener,
            dispatcher=self._dispatcher,
            bind_socket=False,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            ident=None,
            max_request_body_size=_MAX_BODY,
            connection_limit=_MAX_CONNECTIONS,
            cleanup_interval=1,
            outbuf_high_watermark=_MAX_UNSENT,
            outbuf_overflow=4 * _MAX_UNSENT,
        )
        self._deadline: float | None = None
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish running requests and send their responses, then close all connections."""
        self._dispatcher.shutdown(timeout=_DRAIN_SECONDS)
        self._deadline = time.monotonic() + _DRAIN_SECONDS
        self._server.pull_trigger()
        self._thread.join()
        wasyncore.close_all(self._channels, ignore_all=True)

    def _run(self) -> None:
        """Replace the server's own `run`, which never ends."""
        while self._deadline is None or (self._owes_bytes() and time.monotonic() < self._deadline):
            wasyncore.loop(timeout=_LOOP_SECONDS, use_poll=True, map=self._channels, count=1)

    def _owes_bytes(self) -> bool:
        return any(getattr(channel, "total_outbufs_len", 0) for channel in self._channels.values())
