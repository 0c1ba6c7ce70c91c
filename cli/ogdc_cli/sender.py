"""The interface for sending requests: urllib3 for remote servers, `http.client` for the local stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

READ_SECONDS = 120.0
"""How long an answer may keep silent."""
MAX_PAUSE_SECONDS = 60.0
"""The longest that anybody waits for a server that asks for it."""
PIECE = 1 << 20
"""Bytes of a body that are read at once."""


class NoAnswerError(Exception):
    """There was no answer, or not all of it."""

    def __init__(self, words: str, *, certificate: bool = False) -> None:
        super().__init__(words)
        self.certificate = certificate
        """Whether it is because the server's certificate is not trusted."""


class Headers(Protocol):
    """Those of an answer, by name, however that is written."""

    def get(self, name: str, default: str, /) -> str:
        """The text of one."""


class Response(Protocol):
    """A response with an unread body; reading it raises `NoAnswerError` if the connection breaks."""

    status: int
    reason: str | None

    @property
    def headers(self) -> Headers:
        """Its headers."""

    @property
    def led_to(self) -> tuple[str, ...]:
        """Where other servers were named on the way to it."""

    def read(self) -> bytes:
        """The rest of the body."""

    def pieces(self) -> Iterator[bytes]:
        """The body, a piece at a time."""

    def close(self) -> None:
        """Let go of it."""


class Sender(Protocol):
    """Sends requests; a request answered with 503 is repeated a few times, as Retry-After says."""

    def send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        """Send a request.

        Raises:
            NoAnswerError: there is no response.
        """
