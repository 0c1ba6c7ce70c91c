"""Opening ftp URLs; transfers are never resumed, because nothing tells whether the file has changed."""

from __future__ import annotations

import ftplib
import socket
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes, urlsplit

from ogdc_shared import connections
from ogdc_shared.connections import cut_where_late
from ogdc_shared.documentation import LOGINS
from ogdc_shared.errors import InputNotFoundError
from ogdc_shared.reach import Reach, checked_addresses
from ogdc_shared.servers.response import PIECE_BYTES, InterruptedFetchError, Response, unresolved

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 60.0
"""How long a server may say nothing."""
MAX_LINES = 2000
"""Of all its replies to one file."""
_LOGIN_WANTED = ("332", "530", "532")
"""Replies to whom is not logged in. Source: RFC 959, section 4.2.2."""


class _Connection(ftplib.FTP):
    """Talks to a server in bytes, since names are in any encoding, and bears no replies without end."""

    def __init__(self) -> None:
        super().__init__(timeout=SECONDS, encoding="latin-1")
        self._lines = 0

    def getline(self) -> str:
        self._lines += 1
        if self._lines > MAX_LINES:
            raise OSError(f"it sends more than {MAX_LINES} lines of replies")
        return super().getline()

    def getresp(self) -> str:
        with cut_where_late(self.sock, connections.HEADER_SECONDS) as cut:
            try:
                return super().getresp()
            except (OSError, EOFError) as exc:
                if not cut.is_set():
                    raise
                limit = f"{connections.HEADER_SECONDS:g} seconds"
                raise TimeoutError(f"it sent no whole reply in {limit}") from exc

    def makepasv(self) -> tuple[str, int]:
        """Ask where to connect for data, in the way of IPv4 first and else in that of RFC 2428."""
        try:
            return super().makepasv()
        except ftplib.Error:
            peer = self.sock.getpeername()  # type: ignore[union-attr]
            host, port = ftplib.parse229(self.sendcmd("EPSV"), peer)  # noqa: S321
            return str(host), port

    def size_of(self, path: str) -> int | None:
        """Return the size of a file in bytes, or None if the server does not say (RFC 3659, section 4)."""
        with suppress(ftplib.Error, ValueError):
            return self.size(path)
        return None


def open_ftp(url: str, *, login: tuple[str, str] = ("", "")) -> Response:
    """Request a file, with a user's name and password, or anonymously if the name is empty.

    Raises:
        InputNotFoundError: the server rejects it, or the URL is invalid.
        InterruptedFetchError: the server does not respond, or asks to retry later.
        ForbiddenError: the server is a cloud's metadata service.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise InputNotFoundError(f"{url!r} cannot be fetched: it names no server.")
    path = unquote_to_bytes(parts.path.lstrip("/")).decode("latin-1")
    user, password = (word.encode(errors="surrogateescape").decode("latin-1") for word in login)
    connection = _Connection()
    try:
        _connect(connection, parts.hostname, parts.port or ftplib.FTP_PORT)
        connection.login(user, password)
        connection.voidcmd("TYPE I")
        transfer, size = connection.ntransfercmd(f"RETR {path}")
    except (ftplib.error_perm, ValueError) as exc:
        connection.close()
        raise InputNotFoundError(
            f"{url!r} cannot be fetched: {_message(exc)}. {_advice(exc, parts.hostname)}"
        ) from exc
    except ftplib.all_errors as exc:
        connection.close()
        if isinstance(exc, socket.gaierror):
            raise unresolved(parts.hostname, exc) from exc
        raise InterruptedFetchError(_message(exc)) from exc
    return Response(pieces=_pieces(connection, transfer, path, size), size=size)


def _connect(connection: ftplib.FTP, host: str, port: int) -> None:
    *others, last = checked_addresses(host, port, Reach(anywhere=True))
    for address in others:
        with suppress(OSError):
            connection.connect(address, port)
            return
    connection.connect(last, port)


def _pieces(connection: _Connection, transfer: socket.socket, path: str, size: int | None) -> Iterator[bytes]:
    received = 0
    try:
        with transfer:
            while piece := transfer.recv(PIECE_BYTES):
                received += len(piece)
                yield piece
        connection.voidresp()
        if size is None:
            size = connection.size_of(path)
    except ftplib.all_errors as exc:
        raise InterruptedFetchError(f"the connection was lost: {_message(exc)}") from exc
    finally:
        connection.close()
    if size is not None and received < size:
        raise InterruptedFetchError(f"the connection was lost after {received} of {size} bytes")


def _message(error: BaseException) -> str:
    """Return the server's message, decoded as UTF-8, or the text of another error."""
    message = (
        (isinstance(error, OSError) and error.strerror) or str(error) or "the server ended the connection"
    )
    with suppress(UnicodeEncodeError):
        message = message.encode("latin-1").decode(errors="replace")
    return message.rstrip(".")


def _advice(error: BaseException, host: str) -> str:
    if str(error).startswith(_LOGIN_WANTED):
        return f"It requires a login for {host}: see {LOGINS}"
    return "Check the address."
