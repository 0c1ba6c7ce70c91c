"""A real HTTP server for tests: files of a directory, made-up answers, and faults on request.

::

    with FileServer(directory) as server:
        server.fail(2, status=503)                  # the first two requests
        server.drop(after=1000)                     # once: the connection ends after 1000 bytes of the body
        server.dispositions["/x"] = 'attachment; filename="a.csv"'
        server.ranges = False                       # Range is ignored: always 200 and the whole file
        server.delay = 0.5                          # seconds before each answer
        server.routes["/solr"] = lambda request: Answer(body=b"{}")
        fetch(f"{server.url}/data.csv")
        assert [r.status for r in server.requests] == [503, 503, 200]

All of these may be changed while the server runs.
"""

from __future__ import annotations

import hashlib
import html
import mimetypes
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

CHUNK = 64 * 1024


@dataclass
class Request:
    """A request; `status` is set once the response is chosen."""

    method: str
    path: str
    """The decoded path, without the query."""
    query: dict[str, list[str]]
    headers: Message
    body: bytes = b""
    status: int = 0


@dataclass
class Answer:
    """One response."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class FileServer:
    """Serves `directory` on 127.0.0.1, at a free port or at `port`, from `__enter__` to `__exit__`.

    Attributes:
        requests: Every request, in the order of arrival.
        routes: Path → function that answers it, before any file is looked for.
        dispositions: Path → Content-Disposition header of that file.
        ranges: Whether Range requests are honoured.
        listings: Whether a directory is answered with a page of links, as Apache does.
        etags: Whether files carry an ETag (and If-Range is compared with it).
        delay: Seconds before each answer.
        stall_after: Bytes of a body after which nothing more comes until the server is closed; None: never.
    """

    def __init__(self, directory: Path, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.directory = directory
        self.requests: list[Request] = []
        self.routes: dict[str, Callable[[Request], Answer]] = {}
        self.dispositions: dict[str, str] = {}
        self.ranges = True
        self.listings = False
        self.etags = True
        self.delay = 0.0
        self.stall_after: int | None = None
        self._lock = threading.Lock()
        self._failures: list[Answer] = []
        self._drops: list[int] = []
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.owner = self
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Base URL without a slash at the end."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def fail(self, times: int = 1, *, status: int = 503, headers: Mapping[str, str] | None = None) -> None:
        """Answer the next `times` requests with `status`."""
        self._failures += [Answer(status=status, body=b"made to fail\n", headers=headers or {})] * times

    def drop(self, times: int = 1, *, after: int) -> None:
        """End the connection after `after` bytes of the body, in the next `times` answers that have more."""
        self._drops += [after] * times

    def paths(self) -> list[str]:
        """The requested paths, in order."""
        return [request.path for request in self.requests]

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Request) -> Answer:
        """Choose the response to a request."""
        with self._lock:
            self.requests.append(request)
        self._closing.wait(self.delay)
        with self._lock:
            if self._failures:
                return self._failures.pop(0)
        route = self.routes.get(request.path)
        return route(request) if route else self._file(request)

    def pieces(self, body: bytes) -> Iterator[bytes]:
        """Yield the body as it is sent: whole, cut short by `drop`, or stalled."""
        with self._lock:
            cut = self._drops.pop(0) if self._drops and len(body) > self._drops[0] else None
        stall = self.stall_after
        body = body[:cut]
        for start in range(0, len(body), CHUNK):
            piece = body[start : start + CHUNK]
            if stall is not None and start + len(piece) > stall:
                yield piece[: max(0, stall - start)]
                self._closing.wait()
                return
            yield piece

    def _file(self, request: Request) -> Answer:
        path = self.directory / request.path.lstrip("/")
        if self.listings and path.is_dir():
            return _listing(path, request.path)
        if not path.resolve().is_relative_to(self.directory.resolve()) or not path.is_file():
            return Answer(status=404, body=b"no such file\n")
        body = path.read_bytes()
        headers = {"Content-Type": mimetypes.guess_type(path.name)[0] or "application/octet-stream"}
        if request.path in self.dispositions:
            headers["Content-Disposition"] = self.dispositions[request.path]
        if self.etags:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.ranges:
            headers["Accept-Ranges"] = "bytes"
            return _part(body, request.headers, headers)
        return Answer(body=body, headers=headers)


def _listing(directory: Path, path: str) -> Answer:
    if not path.endswith("/"):
        return Answer(status=301, headers={"Location": quote(f"{path}/")})
    names = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in sorted(directory.iterdir())]
    links = ['<a href="?C=M;O=A">Last modified</a>', '<a href="../">Parent Directory</a>']
    links += [f'<a href="{quote(name)}">{html.escape(name)}</a>' for name in names]
    body = f"<html><body><pre>{'<br>'.join(links)}</pre></body></html>".encode()
    return Answer(body=body, headers={"Content-Type": "text/html;charset=UTF-8"})


def _part(body: bytes, wanted: Message, headers: dict[str, str]) -> Answer:
    """A file's answer to a request with or without `Range: bytes=A-[B]`. Source: RFC 9110 section 14."""
    unit, _, span = wanted.get("Range", "").partition("=")
    first, _, last = span.partition("-")
    same_file = wanted.get("If-Range") in (None, headers.get("ETag"))
    if unit != "bytes" or not first.isdecimal() or not same_file:
        return Answer(body=body, headers=headers)
    start = int(first)
    if start >= len(body):
        return Answer(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
    end = min(int(last) + 1 if last else len(body), len(body))
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
    return Answer(status=206, body=body[start:end], headers=headers)


class _Server(ThreadingHTTPServer):
    owner: FileServer
    daemon_threads = False  # so that closing waits for them, and no socket outlives its test

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print errors, except those of clients that went away, which are part of many tests."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            method=self.command,
            path=unquote(split.path),
            query=parse_qs(split.query, keep_blank_values=True),
            headers=self.headers,
            body=self.rfile.read(length),
        )
        owner = self.server.owner
        answer = owner.answer(request)
        request.status = answer.status
        self.close_connection = True
        self.send_response(answer.status)
        headers = {"Content-Length": str(len(answer.body)), "Connection": "close", **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            for piece in owner.pieces(answer.body):
                self.wfile.write(piece)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing; tests look at `FileServer.requests`."""


@contextmanager
def closed_port() -> Iterator[str]:
    """Yield the base URL of a port on which nothing listens; it is reserved meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
