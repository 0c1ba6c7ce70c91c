"""Open an ftp URL for reading; without resuming, since nothing tells whether the file is still the same."""

from __future__ import annotations

import ftplib
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ogdc_shared.errors import InputNotFoundError
from ogdc_shared.servers.response import PIECE_BYTES, InterruptedFetchError, Response

SECONDS = 60.0
"""How long a server may say nothing."""

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


def open_ftp(url: str, *, login: tuple[str, str] = ("", "")) -> Response:
    """Ask for a file with a user's name and password, or anonymously where the name is empty.

    Raises:
        InputNotFoundError: the server refuses, or the URL is none.
        InterruptedFetchError: the server does not answer, or says to come back later.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise InputNotFoundError(f"{url!r} cannot be fetched: it names no server.")
    connection = ftplib.FTP(timeout=SECONDS, encoding="utf-8")  # noqa: S321  what the recipe asks for
    try:
        connection.connect(parts.hostname, parts.port or ftplib.FTP_PORT)
        connection.login(*login)
        connection.voidcmd("TYPE I")
        transfer, size = connection.ntransfercmd(f"RETR {unquote(parts.path.lstrip('/'))}")
    except (ftplib.error_perm, ValueError) as exc:
        connection.close()
        raise InputNotFoundError(f"{url!r} cannot be fetched: {exc}. Check the address.") from exc
    except ftplib.all_errors as exc:
        connection.close()
        raise InterruptedFetchError(str(exc)) from exc
    return Response(pieces=_pieces(connection, transfer, size), size=size)


def _pieces(connection: ftplib.FTP, transfer: socket.socket, size: int | None) -> Iterator[bytes]:
    received = 0
    try:
        with transfer:
            while piece := transfer.recv(PIECE_BYTES):
                received += len(piece)
                yield piece
        connection.voidresp()
    except ftplib.all_errors as exc:
        raise InterruptedFetchError(f"the connection was lost: {exc}") from exc
    finally:
        connection.close()
    if size is not None and received < size:
        raise InterruptedFetchError(f"the connection was lost after {received} of {size} bytes")
