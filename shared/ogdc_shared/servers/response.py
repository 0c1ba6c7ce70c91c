"""The response of a server to a request for a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PIECE_BYTES = 1 << 20
"""How much of a body is read at once."""


class Response(NamedTuple):
    """An answer whose body has not been read yet."""

    pieces: Iterable[bytes]
    """The body, from `offset` on; raises InterruptedFetchError where it ends too early."""
    offset: int = 0
    """How many bytes of the file come before the body."""
    name: str | None = None
    """The file name that the server gives."""
    validator: str | None = None
    """What tells, the next time, whether the file is still the same."""
    size: int | None = None
    """Bytes of the whole file as it is sent; None: the server did not say."""
    encoding: str = ""
    """What the server did to the file on its way (Content-Encoding); empty: nothing."""
    page: bool = False
    """Whether the server calls it a web page."""
    url: str = ""
    """Where the answer came from in the end; empty where that is no question."""
    etag: str = ""
    """What the server calls this state of the file, as it says it; empty: nothing."""
    modified: str = ""
    """When the file was changed last, as the server says it; likewise."""
    close: Callable[[], None] = lambda: None
    """To be called when the body is not wanted any more."""


class InterruptedFetchError(Exception):
    """The server is or went away; trying again may help.

    Attributes:
        pause: Seconds the server asks to be left alone; None: it did not say.
        slow: Whether it is there, and hardly sends anything.
    """

    def __init__(self, message: str, *, pause: float | None = None, slow: bool = False) -> None:
        super().__init__(message)
        self.pause = pause
        self.slow = slow
