"""Rules of the proxy: connections per task, permitted ports, and protocols inside a tunnel.

Source: "Port blocking" of the Fetch standard (https://fetch.spec.whatwg.org/#port-blocking); RFC 8446,
sections 4 and 5.1 (how a ClientHello and its record begin); RFC 9112,
section 3 (the request line).
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections import Counter
from contextlib import suppress
from threading import Lock

from ogdc_shared.errors import ForbiddenError

BAD_PORTS = frozenset(
    int(port)
    for port in """
    0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113
    115 117 119 123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554
    556 563 587 601 636 989 990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665
    6666 6667 6668 6669 6679 6697 10080
    """.split()  # noqa: SIM905  shorter than a list of a hundred lines
)
"""Ports that browsers block, too, because they belong to other services: mail, remote login, file systems."""
_HANDSHAKE = b"\x16"
_CLIENT_HELLO = re.compile(rb"\x16\x03[\s\S]{3}\x01")
_RECORD_AND_TYPE = 6
_REQUEST_LINE = re.compile(rb"[A-Z]{3,20} [!-~]+ HTTP/[12]\.[01]\r?\n")
_MAX_LINE = 16384
_CREDENTIALS = struct.Struct("3i")


def check_port(host: str, port: int) -> None:
    """Check that a port may be a web server's.

    Raises:
        ForbiddenError: it belongs to another service.
    """
    if port in BAD_PORTS:
        raise ForbiddenError(
            f"{host}:{port}: commands reach servers by HTTP and HTTPS, and port {port} is another service's."
        )


def read_beginning(client: socket.socket, first: bytes) -> bytes:
    """Read until it is certain that the client speaks TLS or HTTP; returns everything read.

    Raises:
        ForbiddenError: it speaks something else.
        OSError: it sends nothing.
    """
    while not _is_enough(first) and (piece := client.recv(_MAX_LINE)):
        first += piece
    if not (_CLIENT_HELLO.match(first) or _REQUEST_LINE.match(first)):
        raise ForbiddenError("What was sent through a tunnel is neither TLS nor HTTP.")
    return first


def _is_enough(first: bytes) -> bool:
    size = _RECORD_AND_TYPE if first[:1] == _HANDSHAKE else _MAX_LINE
    return len(first) >= size or (b"\n" in first and first[:1] != _HANDSHAKE)


class Shares:
    """Divides connections among tasks, so that no task can starve the others.

    A task may have as many as are free. So a single task gets half of all, and later ones still find some.

    Source: Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches" (1998).
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._held: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def taken(self) -> int:
        """Current number of connections."""
        return self._held.total()

    def take(self, task: str) -> bool:
        """Reserve a connection for a task; returns whether there was one."""
        with self._lock:
            granted = self._held[task] < self._free
            if granted:
                self._held[task] += 1
                self._free -= 1
            return granted

    def give_back(self, task: str) -> None:
        """Release a connection."""
        with self._lock:
            self._free += 1
            self._held[task] -= 1
            if not self._held[task]:
                del self._held[task]


def task_of(client: socket.socket) -> str:
    """Return an id shared by exactly the processes of a task; empty if unknown.

    Source: SO_PEERCRED in unix(7); pid_namespaces(7).
    """
    with suppress(OSError):
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, *_ = _CREDENTIALS.unpack(credentials)
        return os.readlink(f"/proc/{pid}/ns/pid")  # noqa: PTH115  it is no path
    return ""
