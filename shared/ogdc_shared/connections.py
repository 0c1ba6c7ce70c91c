"""HTTP connections restricted to permitted addresses, with a timeout for the start of the response.

A connection is made to exactly the address that was checked (see `reach`), again for each redirect. This
prevents DNS rebinding.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from ogdc_shared.deadlines import Deadlines
from ogdc_shared.reach import Reach, checked_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

HEADER_SECONDS = 120.0
"""Timeout from the request to the end of the response's headers, even if they arrive byte by byte."""
BODY_SECONDS = 120.0
"""Timeout of one read of a body, because trailers and the like may arrive forever."""
_DEADLINES = Deadlines()


@contextmanager
def cut_where_late(wire: socket.socket | None, seconds: float) -> Iterator[Event]:
    """Shut a connection down if the block takes longer. A socket's own timeout restarts with each byte.

    Yields:
        An event that is set if this happened.
    """
    with _DEADLINES.limit(seconds, lambda: _cut(wire)) as cut:
        yield cut


def _cut(wire: socket.socket | None) -> None:
    if wire is not None:
        with suppress(OSError, AttributeError):  # urllib3's TLS in TLS lacks this method
            wire.shutdown(socket.SHUT_RDWR)


def wire_of(response: urllib3.BaseHTTPResponse) -> socket.socket | None:
    """Return the socket of a response whose body has not been read completely, else None."""
    return getattr(response.connection, "wire", None)


def pool_manager(reach: Reach | None = None, **options: Any) -> urllib3.PoolManager:
    """Create a pool of restricted connections.

    Args:
        reach: The permitted addresses; None permits all but cloud metadata services, as for a task's
            connections.
        options: Options of `urllib3.PoolManager`.
    """
    pools = _Pools(**options)
    pools.pool_classes_by_scheme = _POOLS
    pools.reach = reach or Reach(anywhere=True)
    return pools


def proxy_manager(proxy: str, **options: Any) -> urllib3.ProxyManager:
    """Create a pool of connections through a proxy, which restricts the addresses itself."""
    pools = urllib3.ProxyManager(proxy, **options)
    pools.pool_classes_by_scheme = _POOLS
    return pools


class _Pools(urllib3.PoolManager):
    """A pool manager that passes the permitted addresses to every pool."""

    reach: Reach

    def _new_pool(self, *arguments: Any, **options: Any) -> HTTPConnectionPool:
        pool = super()._new_pool(*arguments, **options)
        pool.reach = self.reach  # type: ignore[attr-defined]
        return pool


class _Careful:
    """Mixin for urllib3's connections."""

    reach = Reach(anywhere=True)
    _dns_host: str
    port: int
    sock: socket.socket | None
    wire: socket.socket | None = None
    """The socket of the last request, even if only its response still owns it."""

    def _new_conn(self) -> socket.socket:
        """Connect to an address that was checked; certificates are still verified for the host name."""
        name = self._dns_host
        try:
            *others, last = self._checked(name)
            for self._dns_host in others:
                with suppress(NewConnectionError, ConnectTimeoutError):
                    return self._connected()
            self._dns_host = last
            return self._connected()
        finally:
            self._dns_host = name

    def _connected(self) -> socket.socket:
        wire: socket.socket = super()._new_conn()  # type: ignore[misc]
        return wire

    def _checked(self, name: str) -> list[str]:
        from urllib3.exceptions import LocationParseError, NameResolutionError

        try:
            return checked_addresses(name, self.port, self.reach)
        except UnicodeError as exc:
            raise LocationParseError(f"{name!r}, label empty or too long") from exc
        except socket.gaierror as exc:
            raise NameResolutionError(name, self, exc) from exc  # type: ignore[arg-type]

    def getresponse(self) -> Any:
        """Shut the connection down if headers take too long."""
        self.wire = self.sock
        _acknowledge_at_once(self.wire)
        with cut_where_late(self.wire, HEADER_SECONDS) as cut:
            response = super().getresponse()  # type: ignore[misc]
        if cut.is_set():
            response.close()
            raise TimeoutError(f"its headers took more than {HEADER_SECONDS:g} seconds")
        return response

    def _tunnel(self) -> None:
        """Request a tunnel from a proxy, with the same timeout."""
        with cut_where_late(self.sock, HEADER_SECONDS):
            super()._tunnel()  # type: ignore[misc]


def _acknowledge_at_once(wire: socket.socket | None) -> None:
    """Acknowledge headers without the usual delay of 40 ms, since many servers wait for that.

    A server that writes headers and body separately sends the second small packet only after the first has
    been acknowledged (Nagle's algorithm).

    Source: tcp(7), TCP_QUICKACK, which holds for the next packets only; RFC 896, RFC 1122 section 4.2.3.2.
    """
    if wire is not None and hasattr(socket, "TCP_QUICKACK"):
        with suppress(OSError):
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class _Connection(_Careful, HTTPConnection):
    pass


class _EncryptedConnection(_Careful, HTTPSConnection):
    pass


class _ReachingPool:
    """Mixin for urllib3's pools that passes the permitted addresses to every connection."""

    reach = Reach(anywhere=True)

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc]
        connection.reach = self.reach
        return connection


class _Pool(_ReachingPool, HTTPConnectionPool):
    ConnectionCls = _Connection


class _EncryptedPool(_ReachingPool, HTTPSConnectionPool):
    ConnectionCls = _EncryptedConnection


_POOLS = {"http": _Pool, "https": _EncryptedPool}
