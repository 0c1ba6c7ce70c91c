"""Sending requests to any server with urllib3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import urllib3

from ogdc_cli.sender import MAX_PAUSE_SECONDS, PIECE, READ_SECONDS, Headers, NoAnswerError
from ogdc_shared.servers.proxies import remote_proxy
from ogdc_shared.tls import checking

_TIMEOUT = urllib3.Timeout(connect=5, read=READ_SECONDS)


class _Retry(urllib3.Retry):
    """Retries for unavailable servers, as long as a person would wait; a 429 is an error at once."""

    RETRY_AFTER_STATUS_CODES = frozenset({503})

    def get_retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        """Seconds that an answer asks to wait."""
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, MAX_PAUSE_SECONDS)


_RETRIES = _Retry(
    total=3,
    connect=0,
    read=0,
    other=0,
    status=3,
    backoff_factor=0.2,
    status_forcelist=(503,),
    allowed_methods=None,
    raise_on_status=False,
)


class WebResponse:
    """See `Response`."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.reason = response.reason
        self.headers: Headers = response.headers
        history = response.retries.history if response.retries else ()
        self.led_to = tuple(each.redirect_location for each in history if each.redirect_location)

    def read(self) -> bytes:
        """See `Response`."""
        with _named():
            return self._response.data

    def pieces(self) -> Iterator[bytes]:
        """See `Response`."""
        with _named():
            yield from self._response.stream(PIECE)

    def close(self) -> None:
        """See `Response`."""
        self._response.release_conn()


class WebSender:
    """See `Sender`."""

    def __init__(self, *, verify_tls: bool, ca_file: str | None) -> None:
        """Store the arguments; nothing is sent yet.

        Args:
            verify_tls: Whether to verify certificates.
            ca_file: CA certificates to trust; None means the system's.
        """
        self._verify_tls = verify_tls
        self._ca_file = ca_file
        self._pools: dict[str | None, urllib3.PoolManager] = {}
        if not verify_tls:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def send(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> WebResponse:
        """See `Sender`."""
        with _named():
            response = self._pool(url).request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=_TIMEOUT,
                retries=_RETRIES,
                preload_content=False,
            )
        return WebResponse(response)

    def _pool(self, url: str) -> urllib3.PoolManager:
        proxy = remote_proxy(url)
        if proxy not in self._pools:
            tls = checking(self._ca_file) if self._verify_tls else {"cert_reqs": "CERT_NONE"}
            self._pools[proxy] = urllib3.ProxyManager(proxy, **tls) if proxy else urllib3.PoolManager(**tls)
        return self._pools[proxy]


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except urllib3.exceptions.HTTPError as exc:
        reason = getattr(exc, "reason", None) or exc
        certificate = isinstance(reason, urllib3.exceptions.SSLError)
        raise NoAnswerError(str(reason), certificate=certificate) from exc
