"""Sending requests to the local stack with the standard library.

Importing urllib3 takes longer than anything else a command does, and no proxies, certificates or redirects
are involved.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from urllib.parse import urlsplit

from ogdc_cli.sender import MAX_PAUSE_SECONDS, PIECE, READ_SECONDS, Headers, NoAnswerError

_PAUSES = (0.0, 0.4, 0.8)
"""Seconds before a request is sent again that was answered with 503, where the answer does not say."""
_UNAVAILABLE = 503


class StackResponse:
    """See `Response`; it has its connection to itself."""

    led_to = ()

    def __init__(self, connection: HTTPConnection, response: HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status
        self.reason: str | None = response.reason
        self.headers: Headers = response.headers

    def read(self) -> bytes:
        """See `Response`."""
        with _named():
            return self._response.read()

    def pieces(self) -> Iterator[bytes]:
        """See `Response`."""
        while True:
            with _named():
                piece = self._response.read1(PIECE)
                if not piece and self._response.length:  # which `read1`, unlike `read`, takes for the end
                    raise IncompleteRead(b"", self._response.length)
            if not piece:
                return
            yield piece

    def close(self) -> None:
        """See `Response`."""
        self._response.close()
        self._connection.close()


class StackSender:
    """See `Sender`."""

    def send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> StackResponse:
        """See `Sender`."""
        for pause in _PAUSES:
            response = _sent(method, url, body, headers)
            if response.status != _UNAVAILABLE:
                return response
            asked = response.headers.get("Retry-After", "")
            response.close()
            time.sleep(min(float(asked), MAX_PAUSE_SECONDS) if asked.isdecimal() else pause)
        return _sent(method, url, body, headers)


def _sent(method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> StackResponse:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=READ_SECONDS)
    try:
        with _named():
            path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            connection.request(method, path, body=body, headers=dict(headers))
            return StackResponse(connection, connection.getresponse())
    except BaseException:
        connection.close()
        raise


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except (OSError, HTTPException) as exc:
        raise NoAnswerError(str(exc) or type(exc).__name__) from exc
