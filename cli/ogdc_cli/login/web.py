"""Requests to a deployment's login provider, limited in size and time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3

from ogdc_cli.login.logins import origin_of
from ogdc_cli.login.within import within
from ogdc_cli.settings import ClientSettings
from ogdc_shared.errors import OgdcError
from ogdc_shared.servers.loopback import is_loopback, is_private
from ogdc_shared.servers.proxies import remote_proxy
from ogdc_shared.shortening import shortened
from ogdc_shared.tls import checking

_Document = TypeVar("_Document", bound=msgspec.Struct)
_MAX_BYTES = 1 << 18
_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_SECONDS = 45.0
"""The most that a question takes as a whole."""
_MAX_TEXT = 200


class ProviderError(OgdcError):
    """A login provider rejects a request, does not respond, or sends an invalid response.

    Attributes:
        code: The OAuth error code (RFC 6749, section 5.2), such as `invalid_grant`, or None.
        passing: Whether the same request may succeed later.
        status: The HTTP status, or None without a response.
    """

    def __init__(
        self, message: str, *, code: str | None = None, passing: bool = False, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.passing = passing
        self.status = status


class _Answer(NamedTuple):
    status: int
    body: bytes
    location: str


class _Refusal(msgspec.Struct):
    error: str
    error_description: str = ""


class Web:
    """Asks login providers, by https but on this machine itself; no redirect is followed."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings

    def document(
        self, url: str, kind: type[_Document], *, headers: Mapping[str, str] | None = None
    ) -> _Document:
        """Fetch a JSON document.

        Raises:
            ProviderError: it cannot be fetched, or is not of this type.
        """
        answer = self._ask("GET", url, None, dict(headers or {}))
        if answer.status != 200:
            raise _refused(url, answer)
        return _decoded(url, answer.body, kind)

    def answered_form(self, url: str, form: Mapping[str, str], kind: type[_Document]) -> _Document:
        """Send a form, as OAuth's endpoints take it, and return the answer.

        Raises:
            ProviderError: it is refused, or the answer is of another kind.
        """
        return _decoded(url, self.send(url, urlencode(form).encode()), kind)

    def send(
        self, url: str, body: bytes, *, content_type: str = "application/x-www-form-urlencoded"
    ) -> bytes:
        """Send something and return the body of the answer.

        Raises:
            ProviderError: it is refused.
        """
        answer = self._ask("POST", url, body, {"Content-Type": content_type})
        if answer.status != 200:
            raise _refused(url, answer)
        return answer.body

    def _ask(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> _Answer:
        check_url(url)
        try:
            return within(_SECONDS, lambda: self._request(method, url, body, headers))
        except (TimeoutError, urllib3.exceptions.HTTPError, OSError) as exc:
            reason = getattr(exc, "reason", None) or exc
            message = str(reason).rsplit(": ", 1)[-1].rstrip(".") or "it takes too long"
            raise ProviderError(f"{origin_of(url)} does not answer: {message}.", passing=True) from exc

    def _request(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> _Answer:
        headers = {"Accept": "application/json", "User-Agent": "ogdc-runner"} | headers
        with self._pool(url) as pool:
            response = pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=_TIMEOUT,
                retries=False,
                preload_content=False,
            )
            content = response.read(_MAX_BYTES + 1)
            response.close()
        if len(content) > _MAX_BYTES:
            raise ProviderError(f"{origin_of(url)} answers with more than {_MAX_BYTES >> 10} KiB.")
        return _Answer(response.status, content, response.headers.get("Location", ""))

    def _pool(self, url: str) -> urllib3.PoolManager:
        tls = checking(self._settings.ca_file)
        if is_loopback(url) and not self._settings.verify_tls:
            tls = {"cert_reqs": "CERT_NONE"}
        proxy = remote_proxy(url)
        return urllib3.ProxyManager(proxy, **tls) if proxy else urllib3.PoolManager(**tls)


def check_url(url: str) -> None:
    """Refuse an address that a login must not go through.

    Raises:
        ProviderError: it is no https URL, nor one of this machine.
    """
    try:
        usable = is_private(url) and url.isascii() and url.isprintable() and " " not in url
        usable = usable and bool(urlsplit(url).hostname) and "@" not in urlsplit(url).netloc
    except ValueError:
        usable = False
    if not usable:
        raise ProviderError(
            f"{shortened(url, _MAX_TEXT)!r} is not an https URL, so it cannot be used for logins."
        )


def _refused(url: str, answer: _Answer) -> ProviderError:
    try:
        refusal = msgspec.json.decode(answer.body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        refusal = _Refusal("")
    passing = answer.status == 429 or answer.status >= 500
    message = " ".join(f"{refusal.error} {refusal.error_description}".split()) or f"{answer.status}"
    if answer.location:
        message += f" and leads to {answer.location!r}, which is not followed"
    return ProviderError(
        f"{url} answers: {shortened(message, _MAX_TEXT)}.",
        code=refusal.error or None,
        passing=passing,
        status=answer.status,
    )


def _decoded(url: str, content: bytes, kind: type[_Document]) -> _Document:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ProviderError(f"{url} does not answer as it should: {exc}.") from exc
