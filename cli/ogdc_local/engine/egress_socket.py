"""What leads a task's commands out of it, and which ports of this machine somebody listens at.

Source: proc_pid_net(5), /proc/net/tcp: one line a socket; address:port in hex, then the state, 0A for LISTEN.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTEN = "0A"


class EgressSocket(NamedTuple):
    """A socket that leads to public addresses and to some others."""

    path: Path
    loopback: tuple[str, ...] = ()
    """Addresses of this machine's loopback among these, `host:port` in numbers."""


def reachable(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out of `host:port` in numbers those of the loopback that nobody listens at.

    They are a task's own: a command may want to serve there itself.
    """
    ports = _listened()
    return tuple(
        address
        for address in addresses
        if ports is None or not is_loopback(address) or int(address.rpartition(":")[2]) in ports
    )


def is_loopback(address: str) -> bool:
    """Whether a `host:port` in numbers is of the loopback."""
    return ip_address(address.rpartition(":")[0].strip("[]")).is_loopback


def _listened() -> frozenset[int] | None:
    """The ports, of whichever address; None where the system does not tell."""
    ports, answered = set(), False
    for table in _TABLES:
        with suppress(OSError):
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            ports |= {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == _LISTEN}
            answered = True
    return frozenset(ports) if answered else None
