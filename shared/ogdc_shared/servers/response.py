"""The response of a server to a request for a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

PIECE_BYTES = 1 << 20
"""How much of a body is read at once."""


class Response(NamedTuple):
    """A server's answer; its body has not been read yet."""

    pieces: Iterable[bytes]
    """The body from `offset` on; raises InterruptedFetchError if it ends too early."""
    offset: int = 0
    """How many bytes of the file come before the body."""
    name: str | None = None
    """The file name that the server gives."""
    validator: str | None = None
    """What tells, the next time, whether the file is still the same."""
    size: int | None = None
    """Size in bytes of the whole file as it is sent, or None if the server did not say."""
    encoding: str = ""
    """How the server encoded the file in transit (Content-Encoding); empty if it did not."""
    page: bool = False
    """Whether the server calls it a web page."""
    url: str = ""
    """The URL that answered after redirects; empty where that does not apply."""
    etag: str = ""
    """The ETag exactly as the server sent it; empty if none."""
    modified: str = ""
    """When the file was last changed, exactly as the server sent it; empty if it did not."""
    close: Callable[[], None] = lambda: None
    """To be called when the body is not wanted any more."""


class InterruptedFetchError(Exception):
    """The server was or became unavailable; trying again may help.

    Attributes:
        pause: Seconds to wait as requested by the server, or None if it did not say.
        slow: Whether the server answers, but sends hardly any data.
    """

    def __init__(self, message: str, *, pause: float | None = None, slow: bool = False) -> None:
        super().__init__(message)
        self.pause = pause
        self.slow = slow


class UnknownServerError(InterruptedFetchError):
    """DNS answered that there is no server with that name, so trying again hardly helps."""


def unresolved(host: str, error: socket.gaierror) -> InterruptedFetchError:
    """Return the error for a server whose name could not be resolved.

    Only an answer that the name does not exist, or has no address, is final; DNS may also be unavailable.
    """
    import socket

    if error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)}:
        return UnknownServerError(f"there is no server named {host!r}")
    return InterruptedFetchError(f"the name {host!r} cannot be looked up, as DNS does not answer")
