"""Connections to a node, and who may change what is uploaded there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ogdc_shared.servers.proxies import remote_proxy

if TYPE_CHECKING:
    import urllib3

_CURATORS = {"arcticdata.io": "CN=arctic-data-admins,DC=dataone,DC=org"}
"""Subjects of curators whom a repository's own tools let change published objects, by domain."""
_CONNECT_SECONDS, _READ_SECONDS = 20, 900
"""A node computes the checksum of an object, and may copy it to other storage, before it responds."""


def writers_at(url: str, *, holder: str, subject: str) -> tuple[str, ...]:
    """Return who may change an object besides its rights holder: the publisher and the repository's curators.

    A publisher who is not the rights holder could otherwise not even read the objects.
    """
    host = urlsplit(url).hostname or ""
    curators = [who for domain, who in _CURATORS.items() if host == domain or host.endswith(f".{domain}")]
    return tuple(who for who in (*curators, subject) if who != holder)


def connections(url: str, *, most: int, ca_file: str | None = None) -> urllib3.HTTPConnectionPool:
    """Return a pool of connections to a node's origin, and to no other, that keeps at most `most`."""
    import urllib3

    chosen: dict[str, Any] = {
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": ca_file,
        "maxsize": most,
        "timeout": urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
    }
    proxy = remote_proxy(url)
    pools = urllib3.ProxyManager(proxy, **chosen) if proxy else urllib3.PoolManager(**chosen)
    return pools.connection_from_url(url)
