"""Network access of commands, offered on the task's own loopback: a proxy, and services named in the recipe.

This only forwards bytes between loopback ports and a Unix socket. The stack behind the socket decides what is
allowed.
"""

from __future__ import annotations

import socket
from contextlib import closing, suppress
from threading import Thread

from ogdc_shared.servers.relay import relay

_HEAD = 4096
_VARIABLES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
_OWN = "localhost,127.0.0.1,::1"


def open_egress(path: str, addresses: str = "") -> dict[str, str]:
    """Listen for connections of this task's commands for as long as the process lives.

    Args:
        path: The Unix socket.
        addresses: Services on the host's loopback, as `host:port` separated by blanks. Connections to the
            same address here are forwarded to them. An address that cannot be bound is skipped.

    Returns:
        The environment variables by which programs find the proxy.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    _serve(listener, path, b"")
    for address in addresses.split():
        host, _, port = address.rpartition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with suppress(OSError):
            stand_in = socket.create_server((host.strip("[]"), int(port)), family=family)
            _serve(stand_in, path, f"CONNECT {address} HTTP/1.1\r\n\r\n".encode())
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    return dict.fromkeys(_VARIABLES, url) | {"no_proxy": _OWN, "NO_PROXY": _OWN}


def _serve(listener: socket.socket, path: str, request: bytes) -> None:
    Thread(target=_accept, args=(listener, path, request), daemon=True).start()


def _accept(listener: socket.socket, path: str, request: bytes) -> None:
    while True:
        client, _ = listener.accept()
        Thread(target=_lead_out, args=(client, path, request), daemon=True).start()


def _lead_out(client: socket.socket, path: str, request: bytes) -> None:
    with closing(client), suppress(OSError), socket.socket(socket.AF_UNIX) as way:
        way.connect(path)
        way.sendall(request)
        if not request or _is_open(way):
            relay(client, way)


def _is_open(way: socket.socket) -> bool:
    """Read the response to CONNECT byte by byte, because what follows it belongs to the client."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if len(head) > _HEAD or not (byte := way.recv(1)):
            return False
        head += byte
    return head.split(b" ", 2)[1:2] == [b"200"]
