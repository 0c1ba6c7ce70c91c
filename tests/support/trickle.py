"""Servers with responses that never end."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def trickling_headers(*, every: float, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Send a header line without end, a byte `every` so many seconds; yields a base URL."""
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not over.wait(every):
            connection.sendall(b"x")

    with _serving(answer, tls) as url:
        try:
            yield url
        finally:
            over.set()


@contextmanager
def trickling_body(*, size: int, every: float) -> Iterator[str]:
    """Send a body a byte `every` so many seconds; yields a base URL."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size):
            connection.sendall(b"x")
            time.sleep(every)

    with _serving(answer) as url:
        yield url


@contextmanager
def endless_body(head: bytes) -> Iterator[str]:
    """Send a head, and bytes for as long as the client reads them; yields a base URL."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        while True:
            connection.sendall(bytes(65536))

    with _serving(answer) as url:
        yield url


@contextmanager
def answering(whole: bytes) -> Iterator[str]:
    """Send these bytes and close the connection; yields a base URL."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(whole)

    with _serving(answer) as url:
        yield url


@contextmanager
def endless_trailers() -> Iterator[str]:
    """Send a chunked body, and trailers for as long as the client reads them."""

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")
        while True:
            connection.sendall(b"X-More: of it\r\n")
            time.sleep(0.001)

    with _serving(answer) as url:
        yield url


@contextmanager
def _serving(answer: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Answer each connection in its own thread; yields a base URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def converse(connection: socket.socket) -> None:
        with suppress(OSError), tls.wrap_socket(connection, server_side=True) if tls else connection as wire:
            answer(wire)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
