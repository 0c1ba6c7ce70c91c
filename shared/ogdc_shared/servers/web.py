"""Opening http and https URLs; ftp is in `ftp`.

Only imported by tasks that fetch something. Redirects are followed here instead of in urllib3, because each
needs the credentials of its own host and the cookies set by previous ones, as data centres with single
sign-on require.
"""

from __future__ import annotations

from contextlib import suppress
from http.client import HTTPException, IncompleteRead
from socket import gaierror
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    SSLError,
)

from ogdc_shared import connections
from ogdc_shared.connections import cut_where_late, pool_manager, proxy_manager, wire_of
from ogdc_shared.documentation import LOGINS
from ogdc_shared.errors import InputNotFoundError
from ogdc_shared.servers import headers
from ogdc_shared.servers.cookies import Cookies
from ogdc_shared.servers.credentials import Credentials, without_login
from ogdc_shared.servers.proxies import proxy_of
from ogdc_shared.servers.refusals import explanation, refusal
from ogdc_shared.servers.response import PIECE_BYTES, InterruptedFetchError, Response, unresolved
from ogdc_shared.shortening import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from socket import socket

CONNECT_SECONDS = 15.0
READ_SECONDS = 60.0
"""How long a server may say nothing."""
MAX_REDIRECTS = 15

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Web:
    """The connections of one task, shared by its threads."""

    def __init__(self, *, threads: int, credentials: Credentials | None = None) -> None:
        self._threads = threads
        self._credentials = credentials or Credentials()
        self._pools: dict[str | None, urllib3.PoolManager] = {}
        self._proxies: dict[tuple[str, str | None], str | None] = {}
        self._cookies = Cookies()

    def open(self, url: str, *, offset: int = 0, validator: str | None = None) -> Response:
        """Request a file, or what follows its first `offset` bytes if `validator` still matches.

        Raises:
            InputNotFoundError: the URL is not valid, or there is no file.
            InterruptedFetchError: there is no answer, or one that says to come back later.
        """
        scheme = _scheme(url)
        if scheme == "ftp":
            from ogdc_shared.servers.ftp import open_ftp

            return open_ftp(url, login=self._credentials.login(url))
        if scheme in {"http", "https"}:
            return self._open_http(url, offset=offset, validator=validator)
        raise InputNotFoundError(f"{url!r} cannot be fetched: give an http, https or ftp URL.")

    def changed(self, url: str, *, etag: str, modified: str, size: int | None = None) -> bool:
        """Return whether a file has changed since its server described it so.

        A strong ETag is sufficient. Otherwise everything that the server states has to be the same: a weak
        ETag, the time of the last change, and the size, if known. `If-Modified-Since` is not sufficient: a
        file that was replaced by an older one is not newer.

        Source: RFC 9110 sections 8.8.1 and 13.1.3.

        Raises:
            InputNotFoundError: the file no longer exists.
            InterruptedFetchError: there is no answer, or one that says to come back later.
        """
        is_strong = etag.startswith('"')
        if is_strong:
            response, place = self._follow(url, {"If-None-Match": etag})
            response.close()
        else:
            response, place = self._look(url, {})
        if response.status == (304 if is_strong else 200):
            return not is_strong and not headers.tells(response, (etag, modified), size)
        if response.status == 200:
            return True
        raise self._refusal(url, response, place)

    def check(self, url: str) -> None:
        """Check that a file can be fetched, without fetching it.

        Raises:
            InputNotFoundError: the file does not exist, or we have no access.
            InterruptedFetchError: there is no answer, or one that says to come back later.
        """
        response, place = self._look(url, {"Range": "bytes=0-0"})
        if response.status not in {200, 206}:
            raise self._refusal(url, response, place)

    def _refusal(
        self, url: str, response: urllib3.BaseHTTPResponse, place: str, explained: str = ""
    ) -> Exception:
        encrypted = _scheme(url) == "https"
        login = self._credentials.authorization(place, asked=url, encrypted=encrypted)
        note = self._credentials.note
        return refusal(url, response, place, note=note, with_login=bool(login), explained=explained)

    def _look(self, url: str, asked: dict[str, str]) -> tuple[urllib3.BaseHTTPResponse, str]:
        """Request headers by HEAD, or by GET with the headers `asked` if the server does not support HEAD."""
        response, place = self._follow(url, {}, method="HEAD")
        response.close()
        if 400 <= response.status < 500 or response.status == 501:
            response, place = self._follow(url, asked)
            response.close()
        return response, place

    def _open_http(self, url: str, *, offset: int, validator: str | None) -> Response:
        resume = {"Range": f"bytes={offset}-", "If-Range": validator} if offset and validator else {}
        response, place = self._follow(url, resume)
        if resume and response.status == 416 and headers.content_range(response) == f"bytes */{offset}":
            response.close()
            return Response(pieces=(), offset=offset, name=headers.name(response), validator=validator)
        if resume and (response.status == 416 or not headers.fits(response, offset, validator)):
            response.close()
            return self._open_http(url, offset=0, validator=None)
        if response.status not in {200, 206}:
            explained = _explanation(response)
            response.close()
            raise self._refusal(url, response, place, explained)
        begins = offset if response.status == 206 else 0
        try:
            size = headers.size_of_file(response, begins)
        except InterruptedFetchError:
            response.close()
            raise
        return Response(
            pieces=_whole(_pieces(response), begins, size),
            offset=begins,
            name=headers.name(response),
            validator=headers.validator(response),
            size=size,
            encoding=response.headers.get("Content-Encoding", "").strip().lower().replace("identity", ""),
            page=response.headers.get("Content-Type", "")
            .lower()
            .startswith(("text/html", "application/xhtml")),
            url=place,
            etag=response.headers.get("ETag", ""),
            modified=headers.modified(response),
            close=response.close,
        )

    def _follow(
        self, url: str, asked: dict[str, str], *, method: str = "GET"
    ) -> tuple[urllib3.BaseHTTPResponse, str]:
        """Request a URL and follow its redirects; return the response and the URL it came from."""
        place, encrypted = url, False
        for _ in range(MAX_REDIRECTS):
            response = self._request(method, url, place, asked, encrypted=encrypted)
            target = _target(place, response)
            if target is None:
                return response, without_login(place)
            _leave(response)
            encrypted = encrypted or place.lower().startswith("https:")
            place = _joined(place, target)
            if _scheme(place) not in {"http", "https"}:
                raise InputNotFoundError(
                    f"{url!r} cannot be fetched: it redirects to {place!r}. Check the address."
                )
        raise InputNotFoundError(
            f"{url!r} cannot be fetched: its server redirects endlessly, finally to {place!r}. Some "
            f"servers do this if a login is missing. Check the address, and see {LOGINS}"
        )

    def _request(
        self, method: str, url: str, place: str, asked: dict[str, str], *, encrypted: bool
    ) -> urllib3.BaseHTTPResponse:
        """Make one request; `place` is what to ask for, `url` the input that it is about."""
        known = self._credentials.authorization(place, asked=url, encrypted=encrypted)
        response = self._send(method, url, place, asked, known)
        if response.status == 401 and "WWW-Authenticate" in response.headers:
            login = self._credentials.password(place, asked=url, encrypted=encrypted)
            if login and (answer := _digest_answer(response, method, place, login)):
                response.close()
                return self._send(method, url, place, asked, answer)
        return response

    def _send(
        self, method: str, url: str, place: str, asked: dict[str, str], authorization: str | None
    ) -> urllib3.BaseHTTPResponse:
        sent = {"Accept-Encoding": "identity", "User-Agent": "ogdc-worker"} | asked
        sent |= {"Authorization": authorization} if authorization else {}
        address = without_login(place)
        try:
            response = self._pool(place).request(
                method,
                address,
                headers=sent | self._cookies.header(address),
                redirect=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                retries=False,
            )
        except LocationValueError as exc:
            raise InputNotFoundError(f"{url!r} cannot be fetched: {str(exc).rstrip('.')}.") from exc
        except HTTPError as exc:
            raise _translated(url, exc) from exc
        self._cookies.keep(response, address)
        return response

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = self._proxy(url)
        if proxy not in self._pools:
            self._pools[proxy] = (
                proxy_manager(proxy, maxsize=self._threads) if proxy else pool_manager(maxsize=self._threads)
            )
        return self._pools[proxy]

    def _proxy(self, url: str) -> str | None:
        """As `proxy_of`; asked once for each host: reading the environment takes longer than a small file."""
        parts = urlsplit(url)
        server = (parts.scheme.lower(), parts.hostname)
        if server not in self._proxies:
            self._proxies[server] = proxy_of(url)
        return self._proxies[server]


def _target(place: str, response: urllib3.BaseHTTPResponse) -> str | None:
    """Return the absolute URL of a redirect, or None if the response is not one."""
    if response.status not in _REDIRECTS:
        return None
    if location := response.headers.get("Location"):
        return location.strip()
    return _in_region(place, response.headers.get("x-amz-bucket-region", ""))


def _joined(place: str, location: str) -> str:
    try:
        return urljoin(place, location)
    except ValueError as exc:
        raise InputNotFoundError(
            f"{place!r} cannot be fetched: its server redirects to {location!r}, which is not a URL ({exc})."
        ) from exc


def _in_region(place: str, region: str) -> str | None:
    """S3 tells in which region a bucket is, and leaves the address to who asks.

    Source: Amazon S3 User Guide, "Making requests using the REST API", redirects.
    """
    parts = urlsplit(place)
    if not region.replace("-", "").isalnum() or not parts.netloc.endswith("s3.amazonaws.com"):
        return None
    host = parts.netloc.removesuffix("s3.amazonaws.com") + f"s3.{region}.amazonaws.com"
    return parts._replace(netloc=host).geturl()


def _leave(response: urllib3.BaseHTTPResponse) -> None:
    """Discard a response without reading its body, which may be endless."""
    if response.headers.get("Content-Length") == "0":
        response.drain_conn()  # the next request may have the connection
    else:
        response.close()


def _translated(url: str, exc: HTTPError) -> Exception:
    reason = getattr(exc, "reason", None) or exc
    if distrust := _distrust(reason) or _distrust(exc):
        return InputNotFoundError(
            f"{url!r} cannot be fetched: its server's certificate is not trusted ({distrust}). "
            "Check the address; SSL_CERT_FILE can name a file with the certificates to trust."
        )
    if isinstance(reason, NameResolutionError) and isinstance(cause := reason.__cause__, gaierror):
        return unresolved(reason.conn.host, cause)
    return InterruptedFetchError(_in_words(reason))


def _in_words(reason: object) -> str:
    """Why there is no connection, without the names of classes that urllib3 puts before it."""
    cause = reason.__cause__ if isinstance(reason, NewConnectionError) else None
    if isinstance(reason, ProtocolError) and len(reason.args) > 1:
        cause = reason.args[1]
    if isinstance(cause, IncompleteRead):
        return "the connection was lost before the end"
    if isinstance(cause, HTTPException) and not isinstance(cause, OSError):
        return (
            f"what its server sends is not HTTP ({shortened(str(cause).strip(), 80) or type(cause).__name__})"
        )
    return (isinstance(cause, OSError) and (cause.strerror or str(cause))) or str(reason)


def _distrust(error: BaseException | object) -> str | None:
    """Why a server's certificate is not trusted, which waiting does not change; None for any other error."""
    inner = error.args[0] if isinstance(error, SSLError) and error.args else error
    return inner.verify_message.rstrip(".") if isinstance(inner, SSLCertVerificationError) else None


def _scheme(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read only now, and no number for all that
    except ValueError as exc:
        raise InputNotFoundError(f"{url!r} is not a URL: {exc}.") from exc
    return parts.scheme.lower()


def _pieces(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Yield what comes as it comes, so that a slow server can be distinguished from a silent one."""
    wire = wire_of(response)
    try:
        while piece := _next_piece(response, wire):
            yield piece
    finally:
        response.close()


def _whole(pieces: Iterator[bytes], begins: int, size: int | None) -> Iterator[bytes]:
    """Yield what comes, which may be less of the file than was asked for."""
    have = begins
    for piece in pieces:
        have += len(piece)
        yield piece
    if size is not None and have < size:
        raise InterruptedFetchError(f"its server sent {have} of {size} bytes")


def _next_piece(response: urllib3.BaseHTTPResponse, wire: socket | None) -> bytes:
    """Read the available part of the body, within a time limit: a server may send trailers forever."""
    with cut_where_late(wire, connections.BODY_SECONDS) as cut:
        try:
            piece, error = response.read1(PIECE_BYTES, decode_content=False), None
        except HTTPError as exc:
            piece, error = b"", exc
    if cut.is_set():
        raise InterruptedFetchError(f"no data arrived for {connections.BODY_SECONDS:g} seconds")
    if error:
        raise InterruptedFetchError(_in_words(error)) from error
    return piece


def _explanation(response: urllib3.BaseHTTPResponse) -> str:
    """Return what an error response says in its body; empty if it does not arrive."""
    with suppress(InterruptedFetchError):
        return explanation(response, _next_piece(response, wire_of(response)))
    return ""


def _digest_answer(
    response: urllib3.BaseHTTPResponse, method: str, place: str, login: tuple[str, str]
) -> str | None:
    from ogdc_shared.servers.digest_login import digest_authorization

    target = urllib3.util.parse_url(without_login(place)).request_uri
    return digest_authorization(response.headers.getlist("WWW-Authenticate"), method, target, login)
