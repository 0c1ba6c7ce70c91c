"""Protection against server-side request forgery: the addresses a service may connect to.

A service that fetches a URL from a caller must not be led to internal addresses: itself, its cloud's metadata
service, its neighbours. So a host name is resolved, and every resulting address is checked.

Source: RFC 6890 and the IANA registries of special-purpose addresses, as in `ipaddress`; RFC 6052 for IPv4
addresses embedded in IPv6 ones.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from ogdc_shared.errors import ForbiddenError

Address = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
_NOT_GLOBAL: tuple[IPNetwork, ...] = (
    *(IPv6Network(text) for text in ("fec0::/10", "::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "5f00::/16")),
    IPv4Network("192.0.0.0/24"),
)
"""Addresses that some Python versions wrongly consider global: site-local, or leading to IPv4 addresses."""
METADATA: tuple[IPNetwork, ...] = (
    IPv4Network("168.63.129.16/32"),  # Azure
    IPv4Network("169.254.0.0/16"),  # nearly everybody
    IPv4Network("100.100.100.200/32"),  # Alibaba Cloud
    IPv4Network("192.0.0.192/32"),  # Oracle Cloud, of old
    IPv6Network("fd00:ec2::/32"),  # Amazon
    IPv6Network("fd20:ce::/32"),  # Google
    IPv6Network("fd00:42::42/128"),  # Scaleway
    IPv6Network("fe80::a9fe:a9fe/128"),  # OpenStack
)
"""Addresses of clouds' metadata services, which give credentials to any process that asks.

No legitimate data source has such an address. Source: the clouds' documentation of their metadata services;
for Azure, "What is IP address 168.63.129.16?".
"""


class Reach(NamedTuple):
    """Permitted addresses: all public ones except cloud metadata services, and these."""

    anywhere: bool = False
    """Whether all other addresses are permitted, too, because the caller is this machine's own user."""
    networks: tuple[IPNetwork, ...] = ()
    """Private networks that the operator allows."""
    hosts: frozenset[str] = frozenset()
    """Hosts that the operator has configured, such as that of a DataONE node."""

    def allows(self, address: Address) -> bool:
        """Whether connecting to an address is permitted."""
        meant = embedded(address) or address
        if any(meant in network for network in self.networks):
            return True
        return not _is_metadata(meant) and (self.anywhere or _is_public(meant))


def checked_addresses(host: str, port: int | None, reach: Reach) -> list[str]:
    """Resolve a host name or address to addresses.

    Raises:
        ForbiddenError: one of the addresses is not permitted.
        OSError: the host does not exist.
    """
    found = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if host.lower() not in reach.hosts and not reach.allows(ip_address(address)):
            raise ForbiddenError(
                f"{_stands_for(host, address)}, so nothing is read from there. Use a public server; "
                "the operator can allow a network with OGDC_ALLOWED_NETWORKS."
            )
    return addresses


def _stands_for(host: str, address: str) -> str:
    kind = "of a cloud's metadata" if _is_metadata(ip_address(address)) else "no public address"
    return f"{host} is {kind}" if host == address else f"{host} is {address}, which is {kind}"


def _is_metadata(address: Address) -> bool:
    meant = embedded(address) or address
    return any(meant in network for network in METADATA)


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast:
        return False
    return not any(address in network for network in _NOT_GLOBAL)


def embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to, be it mapped, 6to4, Teredo or NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
