"""The HTTP proxy for commands of recipes with network access, which leads to public addresses.

Such commands only have their own loopback. There the worker listens as their proxy, and relays to a Unix
socket that is served here. Only HTTP and TLS are forwarded, and not to the ports of other services (see
`egress_rules`). Other addresses are reachable only if the operator allows their network, or if the recipe's
lines contain the exact address and port; never a port of the stack itself. Each set of named addresses has
its own socket, and a task only has access to its own, so it cannot reach the addresses of another recipe.

Source: RFC 9110 section 9.3.6 (CONNECT), RFC 9112 section 3.2 (forms of a request's target).
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from ogdc_local.engine.egress_socket import EgressSocket, is_loopback, reachable
from ogdc_local.stack.egress_rules import Shares, check_port, read_beginning, task_of
from ogdc_shared.digests import digest
from ogdc_shared.errors import ForbiddenError
from ogdc_shared.reach import Address, Reach, checked_addresses, embedded
from ogdc_shared.recipe.network import written
from ogdc_shared.servers.relay import relay

_LOG = logging.getLogger(__name__)
_MAX_CONNECTIONS = 256
_MAX_HEAD = 64 * 1024
_HEAD_SECONDS = 30.0
_CONNECT_SECONDS = 30.0
IDLE_SECONDS = 900.0
"""Timeout without any data in either direction; a server may compute for long."""
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_HOP_BY_HOP = (b"proxy-", b"connection:", b"keep-alive:")


class RequestHead(NamedTuple):
    """The head of a request to the proxy."""

    host: str
    port: int
    tunnel: bool
    """True for CONNECT, False for a request with an http:// URL."""
    forwarded: bytes
    """The head to send to the server; empty for a tunnel."""
    proxied: bytes
    """The head to send to another proxy: rewritten, so that the proxy cannot interpret it differently."""
    missing: int | None
    """Remaining bytes of the body; None if unknown, as for a tunnel."""


class _Way(NamedTuple):
    """A connection granted to a request."""

    server: socket.socket
    answer: bytes
    """Sent to the client first."""
    first: bytes
    """Sent to the server first."""
    missing: int | None = None
    """Bytes that may still be sent to the server; None means unlimited. A second request to a proxy would not
    be checked."""
    checked: bool = False
    """Whether it is a tunnel only for TLS and HTTP."""


class Egress:
    """The proxy; it serves Unix sockets while its context is entered.

    Attributes:
        path: Socket without named addresses; others are beside it.
    """

    def __init__(
        self,
        path: Path,
        *,
        reach: Reach,
        environ: Mapping[str, str],
        own_ports: frozenset[int] = frozenset(),
    ) -> None:
        """Store the arguments; nothing is opened yet.

        Args:
            path: Path of the socket, in a directory that others cannot enter.
            reach: The permitted addresses.
            environ: The user's environment. If it sets a proxy, all addresses that recipes do not name are
                reached through it.
            own_ports: Ports of this machine that are never permitted.
        """
        self.path = path
        self._reach = reach
        self._proxies = {
            tunnel: environ.get(name) or environ.get(name.upper()) or ""
            for tunnel, name in ((True, "https_proxy"), (False, "http_proxy"))
        }
        self._own_ports = own_ports
        self._shares = Shares(_MAX_CONNECTIONS)
        self._listeners: dict[Path, socket.socket] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.leading_to(())
        return self

    @property
    def connections(self) -> int:
        """Current number of connections."""
        return self._shares.taken

    def leading_to(self, addresses: tuple[str, ...]) -> EgressSocket:
        """Return the socket for these named addresses, opened if needed (see `named_addresses`).

        Raises:
            OSError: it cannot be opened.
        """
        named = frozenset(address for address in reachable(addresses) if not self._is_the_stacks(address))
        path = self._path(named)
        with self._lock:
            if path not in self._listeners:
                listener = self._listeners[path] = _listen(path)
                threading.Thread(
                    target=self._accept, args=(listener, named), name="egress", daemon=True
                ).start()
        return EgressSocket(path, tuple(filter(is_loopback, sorted(named))))

    def _is_the_stacks(self, address: str) -> bool:
        return is_loopback(address) and int(address.rpartition(":")[2]) in self._own_ports

    def _path(self, named: frozenset[str]) -> Path:
        if not named:
            return self.path
        return self.path.with_name(f"{self.path.name}-{digest(' '.join(sorted(named)).encode())[:16]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            for path, listener in self._listeners.items():
                listener.shutdown(socket.SHUT_RDWR)  # wakes its thread, which closing does not
                listener.close()
                path.unlink(missing_ok=True)
            self._listeners.clear()

    def _accept(self, listener: socket.socket, named: frozenset[str]) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            task = task_of(client)
            if self._shares.take(task):
                arguments = (client, named, task)
                threading.Thread(target=self._serve, args=arguments, name="egress", daemon=True).start()
            else:
                refuse(client, HTTPStatus.SERVICE_UNAVAILABLE, "The task has too many connections at once.")

    def _serve(self, client: socket.socket, named: frozenset[str], task: str) -> None:
        try:
            with closing(client):
                self._pass_on(client, named)
        except Exception:
            _LOG.exception("a command's connection failed")
        finally:
            self._shares.give_back(task)

    def _pass_on(self, client: socket.socket, named: frozenset[str]) -> None:
        client.settimeout(_HEAD_SECONDS)
        try:
            head = read_head(client)
            way = self._connect(head, named)
        except ValueError as exc:
            refuse(client, HTTPStatus.BAD_REQUEST, str(exc))
        except ForbiddenError as exc:
            refuse(client, HTTPStatus.FORBIDDEN, str(exc))
        except OSError as exc:
            refuse(client, HTTPStatus.BAD_GATEWAY, f"No connection: {exc}.")
        else:
            with closing(way.server), suppress(OSError, ForbiddenError):
                _lead(client, way)

    def _connect(self, head: RequestHead, named: frozenset[str]) -> _Way:
        """Connect to a request's server, or to the user's proxy."""
        proxy = self._proxies[head.tunnel]
        is_named = _literal(head.host, head.port) in named
        if is_named:
            addresses, proxy = [head.host], ""
        else:
            check_port(head.host, head.port)
            addresses = self._checked(head, proxied=bool(proxy))
        self._spare_the_stack(addresses, head.port)
        if not proxy:
            server = socket.create_connection((addresses[0], head.port), timeout=_CONNECT_SECONDS)
            answer, checked = (_ESTABLISHED, not is_named) if head.tunnel else (b"", False)
            return _Way(server, answer, head.forwarded, checked=checked)
        place = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        server = socket.create_connection((place.hostname, place.port or 3128), timeout=_CONNECT_SECONDS)
        try:
            return _by_proxy(server, head)
        except BaseException:
            server.close()
            raise

    def _checked(self, head: RequestHead, *, proxied: bool) -> list[str]:
        try:
            return checked_addresses(head.host, head.port, self._reach)
        except socket.gaierror:
            if proxied:  # the proxy may be the one to resolve names
                return []
            raise

    def _spare_the_stack(self, addresses: Iterable[str], port: int) -> None:
        if port in self._own_ports and any(_is_own(ip_address(address)) for address in addresses):
            raise ForbiddenError(f"Port {port} of this machine is the stack's own.")


def _lead(client: socket.socket, way: _Way) -> None:
    """Relay between client and server.

    Raises:
        ForbiddenError: a tunnel is used for something other than TLS or HTTP.
    """
    client.sendall(way.answer)
    first = read_beginning(client, way.first) if way.checked else way.first
    for connection in (client, way.server):
        connection.settimeout(IDLE_SECONDS)
    way.server.sendall(first)
    if way.missing is None:
        relay(client, way.server, idle=IDLE_SECONDS)
    else:
        _send(client, way.server, way.missing)
        _send(way.server, client, None)


def _by_proxy(server: socket.socket, head: RequestHead) -> _Way:
    """Pass a checked request to another proxy, and nothing else on this connection.

    Raises:
        OSError: the proxy does not open a tunnel.
        ValueError: the end of the request is unknown, so that another could follow it.
    """
    if not head.tunnel:
        if head.missing is None:
            raise ValueError("Give the body's Content-Length: behind a proxy there are no chunks.")
        return _Way(server, b"", head.proxied, head.missing)
    server.sendall(head.proxied)
    answer, rest = _head_of(server)
    if answer.split(b" ", 2)[1:2] != [b"200"]:
        raise OSError(f"the proxy answered {answer.split(maxsplit=2)[1:2]}")
    return _Way(server, _ESTABLISHED + rest, head.forwarded, checked=True)


def _send(source: socket.socket, target: socket.socket, size: int | None) -> None:
    """Relay `size` bytes, or everything if None."""
    while size != 0 and (piece := source.recv(min(size or _MAX_HEAD, _MAX_HEAD))):
        target.sendall(piece)
        size = None if size is None else size - len(piece)


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o666)  # tasks may have another uid; the directory restricts access
    listener.listen()
    return listener


def _literal(host: str, port: int) -> str | None:
    """Return the address in the format of `named_addresses`; None for a host name."""
    try:
        return written(ip_address(host), port)
    except ValueError:
        return None


def _is_own(address: Address) -> bool:
    """Whether an address is on this machine's loopback."""
    meant = embedded(address) or address
    return meant.is_loopback or meant.is_unspecified


def read_head(client: socket.socket) -> RequestHead:
    """Read the head of a request.

    Raises:
        ValueError: it is not a valid request to a proxy.
        OSError: it does not arrive in time.
    """
    lines, rest = _head_of(client)
    first, *fields = lines.split(b"\r\n")
    method, target = [*first.decode("latin-1").split(" "), ""][:2]
    if method == "CONNECT":
        place = urlsplit(f"//{target}")
        host, port = _host(place.hostname), place.port or 443
        proxied = f"CONNECT {_place(host, port)} HTTP/1.1\r\nHost: {_place(host, port)}\r\n\r\n"
        return RequestHead(host, port, True, rest, proxied.encode(), None)
    place = urlsplit(target)
    if place.scheme != "http":
        raise ValueError("Ask for an http:// URL, or use CONNECT.")
    host, port = _host(place.hostname), place.port or 80
    path = (place.path or "/") + (f"?{place.query}" if place.query else "")
    kept = [field for field in fields if not field.lower().startswith(_HOP_BY_HOP)]
    missing = _missing(kept, len(rest))
    words = [*kept, b"Connection: close", b"", rest if missing is None or missing >= 0 else rest[:missing]]
    to_server, to_proxy = (
        b"\r\n".join([f"{method} {begun}{path} HTTP/1.1".encode("latin-1"), *words])
        for begun in ("", f"http://{_place(host, port)}")
    )
    return RequestHead(host, port, False, to_server, to_proxy, None if missing is None else max(0, missing))


def _head_of(connection: socket.socket) -> tuple[bytes, bytes]:
    """Read up to an empty line; returns the lines and what followed them."""
    content = b""
    while b"\r\n\r\n" not in content:
        if len(content) > _MAX_HEAD or not (piece := connection.recv(_MAX_HEAD)):
            raise ValueError("The request has no end, or too much of a beginning.")
        content += piece
    lines, _, rest = content.partition(b"\r\n\r\n")
    return lines, rest


def _missing(fields: Iterable[bytes], there: int) -> int | None:
    """Return the remaining bytes of a body, negative if there are too many; None if unknown.

    It is unknown if two implementations could disagree on where the request ends.
    """
    names = [(name.strip().lower(), value.strip()) for name, _, value in (f.partition(b":") for f in fields)]
    lengths = [value for name, value in names if name == b"content-length"]
    odd = any(name == b"transfer-encoding" or b"\n" in value or b"\r" in value for name, value in names)
    if odd or len(lengths) > 1 or not all(value.isdigit() for value in lengths):
        return None
    return sum(map(int, lengths)) - there


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def refuse(client: socket.socket, status: HTTPStatus, why: str) -> None:
    """Send an error response and close the connection."""
    body = f"{why}\n".encode(errors="replace")
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
    with suppress(OSError), closing(client):
        client.sendall(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)


def _host(name: str | None) -> str:
    if not name:
        raise ValueError("The request names no host.")
    return name
