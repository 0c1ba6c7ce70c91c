"""The way out for commands of recipes that ask for one: an HTTP proxy that leads to public addresses alone.

Such commands have no network but their own loopback. On it the worker listens as their proxy, and passes on
what comes to a Unix socket, which is answered here. What is not HTTP, or HTTPS by CONNECT, does not get out.

Source: RFC 9110 section 9.3.6 (CONNECT), RFC 9112 section 3.2 (forms of a request's target).
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from ogdc_shared.errors import ForbiddenError
from ogdc_shared.reach import Reach, checked_addresses
from ogdc_shared.servers.relay import relay

_LOG = logging.getLogger(__name__)
_MAX_CONNECTIONS = 256
_MAX_HEAD = 64 * 1024
_HEAD_SECONDS = 30.0
_CONNECT_SECONDS = 30.0
_HOP_BY_HOP = (b"proxy-", b"connection:", b"keep-alive:")


class Head(NamedTuple):
    """The beginning of a request to a proxy."""

    host: str
    port: int
    tunnel: bool
    """True: CONNECT. False: a request for an http:// URL."""
    forwarded: bytes
    """What to send to the server in its place; nothing for a tunnel."""
    original: bytes
    """As it came, with what came after it."""


class Egress:
    """Answers at a Unix socket from entering the context until leaving it.

    Attributes:
        path: Of the socket.
    """

    def __init__(self, path: Path, *, reach: Reach, environ: Mapping[str, str]) -> None:
        """Nothing is opened yet.

        Args:
            path: Of the socket; its directory has to keep others out.
            reach: Which addresses are to be reached.
            environ: The user's; where it names a proxy, that is the only way out of this machine.
        """
        self.path = path
        self._reach = reach
        self._proxies = {
            tunnel: environ.get(name) or environ.get(name.upper()) or ""
            for tunnel, name in ((True, "https_proxy"), (False, "http_proxy"))
        }
        self._room = threading.BoundedSemaphore(_MAX_CONNECTIONS)

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self.path.chmod(0o666)  # tasks may be another user; who gets to see it is the directory's affair
        self._listener.listen()
        threading.Thread(target=self._accept, name="egress", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._room.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(client,), name="egress", daemon=True).start()
            else:
                refuse(client, HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections at once.")

    def _serve(self, client: socket.socket) -> None:
        try:
            with closing(client):
                self._pass_on(client)
        except Exception:
            _LOG.exception("a command's connection failed")
        finally:
            self._room.release()

    def _pass_on(self, client: socket.socket) -> None:
        client.settimeout(_HEAD_SECONDS)
        try:
            head = read_head(client)
            server, first = self._connect(head)
        except ValueError as exc:
            refuse(client, HTTPStatus.BAD_REQUEST, str(exc))
        except ForbiddenError as exc:
            refuse(client, HTTPStatus.FORBIDDEN, str(exc))
        except OSError as exc:
            refuse(client, HTTPStatus.BAD_GATEWAY, f"No connection: {exc}.")
        else:
            with closing(server), suppress(OSError):
                client.settimeout(None)
                server.settimeout(None)
                if head.tunnel and not self._proxies[True]:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                server.sendall(first)
                relay(client, server)

    def _connect(self, head: Head) -> tuple[socket.socket, bytes]:
        """Connect to a request's server, or to the user's proxy, and say what to send there first."""
        proxy = self._proxies[head.tunnel]
        if not proxy:
            address = checked_addresses(head.host, head.port, self._reach)[0]
            return socket.create_connection((address, head.port), timeout=_CONNECT_SECONDS), head.forwarded
        with suppress(socket.gaierror):  # behind a proxy names may be its to resolve
            checked_addresses(head.host, head.port, self._reach)
        place = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        server = socket.create_connection((place.hostname, place.port or 3128), timeout=_CONNECT_SECONDS)
        return server, head.original


def read_head(client: socket.socket) -> Head:
    """Read the head of a request.

    Raises:
        ValueError: it is none that a proxy is sent.
        OSError: it does not come, or not in time.
    """
    content = b""
    while b"\r\n\r\n" not in content:
        if len(content) > _MAX_HEAD or not (piece := client.recv(_MAX_HEAD)):
            raise ValueError("The request has no end, or too much of a beginning.")
        content += piece
    lines, _, rest = content.partition(b"\r\n\r\n")
    first, *fields = lines.split(b"\r\n")
    method, target = [*first.decode("latin-1").split(" "), ""][:2]
    if method == "CONNECT":
        place = urlsplit(f"//{target}")
        return Head(_host(place.hostname), place.port or 443, True, rest, content)
    place = urlsplit(target)
    if place.scheme != "http":
        raise ValueError("Ask for an http:// URL, or use CONNECT.")
    path = (place.path or "/") + (f"?{place.query}" if place.query else "")
    kept = [field for field in fields if not field.lower().startswith(_HOP_BY_HOP)]
    words = [f"{method} {path} HTTP/1.1".encode("latin-1"), *kept, b"Connection: close", b"", rest]
    return Head(_host(place.hostname), place.port or 80, False, b"\r\n".join(words), content)


def refuse(client: socket.socket, status: HTTPStatus, why: str) -> None:
    """Answer with an error and hang up."""
    body = f"{why}\n".encode(errors="replace")
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    with suppress(OSError), closing(client):
        client.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)


def _host(name: str | None) -> str:
    if not name:
        raise ValueError("The request names no host.")
    return name
