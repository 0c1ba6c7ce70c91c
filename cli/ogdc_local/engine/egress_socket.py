"""The socket by which a task's commands reach the network, and the detection of listening ports.

Source: proc_pid_net(5), /proc/net/tcp: one line per socket; address:port in hex, then the state, 0A for
LISTEN.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTEN = "0A"


class EgressSocket(NamedTuple):
    """A Unix socket that gives access to public addresses and some others."""

    path: Path
    loopback: tuple[str, ...] = ()
    """Accessible addresses on this machine's loopback, as numeric `host:port`."""


def reachable(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Remove loopback addresses without a listener from numeric `host:port` addresses.

    Commands may want to listen on those ports themselves.
    """
    ports = _listened()
    return tuple(
        address
        for address in addresses
        if ports is None or not is_loopback(address) or int(address.rpartition(":")[2]) in ports
    )


def is_loopback(address: str) -> bool:
    """Whether a numeric `host:port` is on the loopback."""
    return ip_address(address.rpartition(":")[0].strip("[]")).is_loopback


def _listened() -> frozenset[int] | None:
    """Return the listening TCP ports on any address; None if the system does not provide them."""
    ports, answered = set(), False
    for table in _TABLES:
        with suppress(OSError):
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            ports |= {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTEN}
            answered = True
    return frozenset(ports) if answered else None
