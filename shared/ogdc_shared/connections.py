"""HTTP connections that lead only where they may, and do not wait for ever for an answer to begin.

A service that asks for what a caller named must not be led to what only it can reach: itself, its cloud's
metadata, its neighbours. So every name is resolved here, every address it stands for is checked, and the
connection is made to the very address that was checked, for each redirect anew: a name that is given another
address in between (DNS rebinding) leads nowhere else.

Source: RFC 6890 and the IANA registries of special-purpose addresses, as `ipaddress` knows them; RFC 6052 for
IPv4 addresses in IPv6 ones.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Event, Timer
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ogdc_shared.errors import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Network

    Address = IPv4Address | IPv6Address

HEADER_SECONDS = 120.0
"""How long a server may take from being asked to the end of its answer's headers, a byte at a time or not."""

_NAT64 = IPv6Network("64:ff9b::/96")


class Reach(NamedTuple):
    """Where connections may lead: to all public addresses, and to these."""

    anywhere: bool = False
    """Whether to any address: the caller is this machine's own user."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that the operator allows although they are not public."""
    hosts: frozenset[str] = frozenset()
    """Hosts that the operator has named himself, such as that of a DataONE node."""

    def allows(self, address: Address) -> bool:
        """Whether an address may be connected to."""
        meant = _embedded(address) or address
        return self.anywhere or _is_public(meant) or any(meant in network for network in self.networks)


def checked_addresses(host: str, port: int | None, reach: Reach) -> list[str]:
    """Resolve a host's name, or read an address in any of its forms.

    Raises:
        ForbiddenError: one of its addresses may not be connected to.
        OSError: there is no such host.
    """
    found = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if host.lower() not in reach.hosts and not reach.allows(ip_address(address)):
            raise ForbiddenError(
                f"{host} is {address}, which is no public address, so nothing is read from there. Use a "
                "public server; the operator can allow a network with OGDC_ALLOWED_NETWORKS."
            )
    return addresses


def pool_manager(reach: Reach | None = None, **options: Any) -> urllib3.PoolManager:
    """Make a pool of such connections.

    Args:
        reach: Where they may lead; None: anywhere, as a task's own connections.
        options: As `urllib3.PoolManager` takes them.
    """
    pools = _Pools(**options)
    pools.pool_classes_by_scheme = _POOLS
    pools.reach = reach or Reach(anywhere=True)
    return pools


def proxy_manager(proxy: str, **options: Any) -> urllib3.ProxyManager:
    """Make a pool of connections through a proxy, which says itself where they may lead."""
    pools = urllib3.ProxyManager(proxy, **options)
    pools.pool_classes_by_scheme = _POOLS
    return pools


class _Pools(urllib3.PoolManager):
    """Tells every pool where its connections may lead."""

    reach: Reach

    def _new_pool(self, *arguments: Any, **options: Any) -> HTTPConnectionPool:
        pool = super()._new_pool(*arguments, **options)
        pool.reach = self.reach  # type: ignore[attr-defined]
        return pool


class _Careful:
    """What the connections have in common; mixed into urllib3's own."""

    reach = Reach(anywhere=True)
    _dns_host: str
    port: int
    _wire: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        """Connect to an address that was checked; the name stays what certificates are checked against."""
        name = self._dns_host
        try:
            if not self.reach.anywhere:
                self._dns_host = self._checked(name)
            self._wire = super()._new_conn()  # type: ignore[misc]
        finally:
            self._dns_host = name
        return self._wire

    def _checked(self, name: str) -> str:
        from urllib3.exceptions import NameResolutionError

        try:
            return checked_addresses(name, self.port, self.reach)[0]
        except (socket.gaierror, UnicodeError) as exc:
            error = exc if isinstance(exc, socket.gaierror) else socket.gaierror(str(exc))
            raise NameResolutionError(name, self, error) from exc  # type: ignore[arg-type]

    def getresponse(self) -> Any:
        with self._limited() as cut:
            response = super().getresponse()  # type: ignore[misc]
        if cut.is_set():
            response.close()
            raise TimeoutError(f"its headers took more than {HEADER_SECONDS:g} seconds")
        return response

    @contextmanager
    def _limited(self) -> Iterator[Event]:
        """Cut the line where headers take too long: each byte of them begins the socket's own time anew.

        Yields:
            What tells whether that was done.
        """
        cut = Event()
        timer = Timer(HEADER_SECONDS, self._cut, (cut,))
        timer.daemon = True
        timer.start()
        try:
            yield cut
        finally:
            timer.cancel()

    def _cut(self, cut: Event) -> None:
        cut.set()
        if self._wire is not None:
            with suppress(OSError):
                self._wire.shutdown(socket.SHUT_RDWR)


class _Connection(_Careful, HTTPConnection):
    pass


class _EncryptedConnection(_Careful, HTTPSConnection):
    pass


class _ToldPool:
    """Tells every connection where it may lead; mixed into urllib3's own."""

    reach = Reach(anywhere=True)

    def _new_conn(self) -> Any:
        connection = super()._new_conn()  # type: ignore[misc]
        connection.reach = self.reach
        return connection


class _Pool(_ToldPool, HTTPConnectionPool):
    ConnectionCls = _Connection


class _EncryptedPool(_ToldPool, HTTPSConnectionPool):
    ConnectionCls = _EncryptedConnection


_POOLS = {"http": _Pool, "https": _EncryptedPool}


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to, be it mapped, 6to4, Teredo or NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
