"""Free ports for servers that cannot choose one; they are reserved meanwhile.

Where the system chooses by itself, for others' connections too, is left alone; so is what is bound already.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

_FIRST, _LAST = 15_000, 32_000
"""Ports below those that Linux assigns by itself (ip_local_port_range)."""
_CHANCE = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Choose free ports of 127.0.0.1."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = _CHANCE.randint(_FIRST, _LAST)
            try:
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return found
