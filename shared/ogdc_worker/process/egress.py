"""A proxy on the task's own loopback, through which its commands reach what the local stack lets them.

It only passes bytes on between a port of the loopback and a Unix socket, where the stack answers.
"""

from __future__ import annotations

import socket
from contextlib import closing, suppress
from threading import Thread

from ogdc_shared.servers.relay import relay

_VARIABLES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
_OWN = "localhost,127.0.0.1,::1"


def open_egress(path: str) -> dict[str, str]:
    """Listen for the commands of this task for as long as the process lives.

    Args:
        path: The socket that leads out.

    Returns:
        The variables by which programs find the proxy.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    Thread(target=_accept, args=(listener, path), daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    return dict.fromkeys(_VARIABLES, url) | {"no_proxy": _OWN, "NO_PROXY": _OWN}


def _accept(listener: socket.socket, path: str) -> None:
    while True:
        client, _ = listener.accept()
        Thread(target=_lead_out, args=(client, path), daemon=True).start()


def _lead_out(client: socket.socket, path: str) -> None:
    with closing(client), suppress(OSError), socket.socket(socket.AF_UNIX) as way:
        way.connect(path)
        relay(client, way)
