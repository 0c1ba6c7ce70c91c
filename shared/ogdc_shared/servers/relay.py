"""Pass bytes on between two sockets: for proxies, on both sides of a sandbox's wall."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread

_PIECE = 65536


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes on between two connections, both ways, until neither has more."""
    back = Thread(target=_pass_on, args=(other, one), daemon=True)
    back.start()
    _pass_on(one, other)
    back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
