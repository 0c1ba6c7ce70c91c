"""An HTTP server on this machine's loopback address, in threads of this process."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from waitress import wasyncore
from waitress.server import create_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOST = "127.0.0.1"
_MAX_BODY = 80 * 1024 * 1024
_MAX_CONNECTIONS = 500
_DRAIN_SECONDS = 5.0


def listen(port: int | None) -> socket.socket:
    """Listen on `port`, or on a free one where it is None or taken."""
    if port is not None:
        try:
            return socket.create_server((HOST, port))
        except OSError:
            pass
    return socket.create_server((HOST, 0))


def url_of(listener: socket.socket) -> str:
    """Return the base URL that leads to `listener`."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


class Server:
    """Serves a WSGI application from entering the context until leaving it."""

    def __init__(self, listener: socket.socket, application: WSGIApplication, *, threads: int) -> None:
        self._channels: dict[int, object] = {}
        self._server = create_server(
            application,
            map=self._channels,
            sockets=[listener],
            threads=threads,
            ident=None,
            max_request_body_size=_MAX_BODY,
            connection_limit=_MAX_CONNECTIONS,
            asyncore_use_poll=True,
        )
        self._thread = threading.Thread(target=self._server.run, name="server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the requests at work end, then close every connection."""
        self._server.task_dispatcher.shutdown(timeout=_DRAIN_SECONDS)
        self._server.trigger.pull_trigger(lambda: wasyncore.close_all(self._channels, ignore_all=True))
        self._thread.join(_DRAIN_SECONDS)
