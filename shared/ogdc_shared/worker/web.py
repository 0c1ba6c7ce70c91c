"""Open a URL for reading: http and https here, ftp in `ftp`.

This module is imported only by tasks that have something to fetch.
"""

from __future__ import annotations

from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, LocationValueError, ResponseError, SSLError

from ogdc_shared.errors import InputNotFoundError
from ogdc_shared.worker.names import name_from_disposition
from ogdc_shared.worker.reply import PIECE_BYTES, InterruptedFetchError, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_SECONDS = 15.0
READ_SECONDS = 60.0
"""How long a server may say nothing."""

_PASSING = frozenset({408, 425, 429})
"""Statuses below 500 after which the same request may succeed."""


class Web:
    """The connections of one task, shared by its threads."""

    def __init__(self, *, threads: int) -> None:
        self._threads = threads
        self._pools: dict[str | None, urllib3.PoolManager] = {}

    def open(self, url: str, *, offset: int = 0, validator: str | None = None) -> Reply:
        """Ask for a file, or for what comes after its first `offset` bytes if `validator` still holds.

        Raises:
            InputNotFoundError: the URL is none, or there is nothing behind it.
            InterruptedFetchError: no answer, or one that says to come back later.
        """
        scheme = _scheme(url)
        if scheme == "ftp":
            from ogdc_shared.worker.ftp import open_ftp

            return open_ftp(url)
        if scheme in {"http", "https"}:
            return self._open_http(url, offset=offset, validator=validator)
        raise InputNotFoundError(f"{url!r} cannot be fetched: give an http, https or ftp URL.")

    def _open_http(self, url: str, *, offset: int, validator: str | None) -> Reply:
        resume = {"Range": f"bytes={offset}-", "If-Range": validator} if offset and validator else {}
        response = self._request(url, resume)
        if resume and response.status == 416 and _content_range(response) == f"bytes */{offset}":
            response.close()
            return Reply(pieces=(), offset=offset, name=_name(response), validator=validator)
        if resume and (response.status == 416 or not _fits(response, offset)):
            response.close()
            return self._open_http(url, offset=0, validator=None)
        if response.status not in {200, 206}:
            response.close()
            raise _refusal(url, response)
        return Reply(
            pieces=_pieces(response),
            offset=offset if response.status == 206 else 0,
            name=_name(response),
            validator=_validator(response),
        )

    def _request(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool(url).request(
                "GET",
                url,
                headers={"Accept-Encoding": "identity", "User-Agent": "ogdc-worker"} | headers,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                retries=urllib3.Retry(total=None, connect=0, read=0, other=0, status=0, redirect=10),
            )
        except LocationValueError as exc:
            raise InputNotFoundError(f"{url!r} cannot be fetched: {exc}.") from exc
        except HTTPError as exc:
            reason = getattr(exc, "reason", None) or exc
            if isinstance(reason, ResponseError):
                raise InputNotFoundError(f"{url!r} cannot be fetched: {reason}.") from exc
            if distrust := _distrust(reason):
                raise InputNotFoundError(
                    f"{url!r} cannot be fetched: its server's certificate is not trusted ({distrust}). "
                    "Check the address; SSL_CERT_FILE can name a file with the certificates to trust."
                ) from exc
            raise InterruptedFetchError(str(reason)) from exc

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = _proxy(url)
        if proxy not in self._pools:
            self._pools[proxy] = (
                urllib3.ProxyManager(proxy, maxsize=self._threads)
                if proxy
                else urllib3.PoolManager(maxsize=self._threads)
            )
        return self._pools[proxy]


def _distrust(error: BaseException) -> str | None:
    """Why a server's certificate is not trusted, which waiting does not change; None for any other error."""
    inner = error.args[0] if isinstance(error, SSLError) and error.args else None
    return inner.verify_message.rstrip(".") if isinstance(inner, SSLCertVerificationError) else None


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme.lower()
    except ValueError as exc:
        raise InputNotFoundError(f"{url!r} is no URL: {exc}.") from exc


def _proxy(url: str) -> str | None:
    """The proxy that http_proxy, https_proxy and no_proxy ask for, as wget and curl do."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme.lower())


def _pieces(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    try:
        yield from response.stream(PIECE_BYTES, decode_content=False)
    except HTTPError as exc:
        raise InterruptedFetchError(f"the connection was lost: {exc}") from exc
    finally:
        response.close()


def _fits(response: urllib3.BaseHTTPResponse, offset: int) -> bool:
    """Whether a partial answer begins where we stopped; any other answer fits."""
    return response.status != 206 or _content_range(response).startswith(f"bytes {offset}-")


def _content_range(response: urllib3.BaseHTTPResponse) -> str:
    return response.headers.get("Content-Range", "")


def _name(response: urllib3.BaseHTTPResponse) -> str | None:
    return name_from_disposition(response.headers.get("Content-Disposition", ""))


def _validator(response: urllib3.BaseHTTPResponse) -> str | None:
    """A strong ETag, else the time of the last change. Source: RFC 9110 section 13.1.5."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def _refusal(url: str, response: urllib3.BaseHTTPResponse) -> Exception:
    answer = f"{response.status} {response.reason or ''}".strip()
    if response.status >= 500 or response.status in _PASSING:
        wait = response.headers.get("Retry-After", "")
        return InterruptedFetchError(f"it answered {answer}", pause=float(wait) if wait.isdecimal() else None)
    return InputNotFoundError(f"{url!r} cannot be fetched: its server answered {answer}. Check the address.")
