"""HTTP connections to the Argo Server: timeouts, retries, the token, and translation of errors.

urllib3 is imported with the first call (docs/decisions/0002-argo-client-on-urllib3.md).
"""

from __future__ import annotations

import json
import logging
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import msgspec

from ogdc_shared.config import ArgoSettings
from ogdc_shared.errors import ArgoRefusedError, ArgoUnavailableError, ConfigurationError
from ogdc_shared.statuses import BUSY
from ogdc_shared.telemetry.base import Telemetry
from ogdc_shared.telemetry.tracing import current
from ogdc_shared.tls import checking

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

_ATTEMPTS = 3
_PAUSE = 0.1
"""Seconds between two attempts; doubled each time."""
_CONNECT_SECONDS = 3.0
_REFUSALS = frozenset({400, 413, 422})
"""Statuses that reject the content of a request, not the caller."""
_MAX_REASON = 500

_log = logging.getLogger(__name__)


class Connection:
    """Calls one Argo Server; its TCP connections are made when needed, kept, and shared between threads."""

    def __init__(self, settings: ArgoSettings, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        address = urlsplit(settings.url)
        self._path, self._host = address.path, address.hostname or ""

    def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
        repeatable: bool = True,
        stream: bool = False,
        accept: str = "application/json",
    ) -> BaseHTTPResponse:
        """Make a call, and repeat it if there was no response and repeating it is safe.

        Args:
            method: The HTTP method.
            path: Path below the server's URL.
            query: Query parameters.
            body: The body, sent as JSON.
            repeatable: Whether repeating the call is safe.
            stream: Whether the caller reads the body.
            accept: Media types that the caller accepts.

        Returns:
            The response, with any status except those for "try again later".

        Raises:
            ArgoUnavailableError: no response, or "try again later"; `maybe_done` covers all attempts.
            ConfigurationError: the address, the certificate or the token cannot be used.
        """
        url = self._path + path + (f"?{urlencode(query)}" if query else "")
        maybe_done = False
        for attempts_left in reversed(range(_ATTEMPTS if repeatable else 1)):
            try:
                return self._observed_attempt(method, url, body=body, stream=stream, accept=accept)
            except ArgoUnavailableError as exc:
                maybe_done = maybe_done or exc.maybe_done
                if not attempts_left or not isinstance(exc, _PassingError):
                    raise ArgoUnavailableError(str(exc), maybe_done=maybe_done) from exc
            time.sleep(_PAUSE * 2 ** (_ATTEMPTS - 1 - attempts_left))
        raise AssertionError("the last attempt returns or raises")

    def _observed_attempt(
        self, method: str, url: str, *, body: dict[str, Any] | None, stream: bool, accept: str
    ) -> BaseHTTPResponse:
        known = {"http.request.method": method, "server.address": self._host}
        with self._telemetry.span(f"{method} Argo", kind="CLIENT", attributes=known) as added:
            response = self._attempt(method, url, body=body, stream=stream, accept=accept)
            added["http.response.status_code"] = response.status
            return response

    def _attempt(
        self, method: str, url: str, *, body: dict[str, Any] | None, stream: bool, accept: str
    ) -> BaseHTTPResponse:
        import urllib3
        from urllib3 import exceptions

        away = "Argo does not answer"
        seconds = self._settings.timeout
        try:
            response = self._pool.urlopen(  # `request` would only copy the arguments
                method,
                url,
                body=None if body is None else msgspec.json.encode(body),
                headers=self._headers() | {"Accept": accept},
                timeout=urllib3.Timeout(connect=min(_CONNECT_SECONDS, seconds), read=seconds),
                retries=False,
                redirect=False,
                preload_content=not stream,
            )
        except (exceptions.LocationValueError, exceptions.SSLError) as exc:
            raise self._unusable(str(exc)) from exc
        except exceptions.NewConnectionError as exc:
            reason_given = getattr(exc.__cause__, "strerror", None) or "no connection"
            raise _PassingError(f"{away}: {reason_given}.") from exc
        except exceptions.ConnectTimeoutError as exc:
            raise ArgoUnavailableError(f"{away}: no connection in time.") from exc
        except exceptions.ReadTimeoutError as exc:
            message = f"{away} within {seconds} s. It may still do what was asked."
            raise ArgoUnavailableError(message, maybe_done=True) from exc
        except exceptions.HTTPError as exc:
            raise _PassingError(f"{away}: the connection broke.", maybe_done=True) from exc
        if response.status in BUSY:
            message = f"Argo cannot answer now ({response.status}): {reason(response)}"
            raise _PassingError(message, maybe_done=response.status != 429)
        return response

    @cached_property
    def _pool(self) -> HTTPConnectionPool:
        import urllib3

        settings = self._settings
        if not settings.url.startswith(("http://", "https://")):
            raise self._unusable("it must begin with http:// or https://")
        if not settings.verify_tls:
            _log.warning("Argo's certificate is not checked (ARGO_VERIFY_TLS).")
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # with each call
        tls = checking(settings.ca_file) if settings.verify_tls else {"cert_reqs": "CERT_NONE"}
        return urllib3.PoolManager(maxsize=16, **tls).connection_from_url(settings.url)

    def _unusable(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"Cannot speak with Argo at {self._settings.url}: {why}. "
            "Mend ARGO_WORKFLOWS_SERVICE_URL or ARGO_CA_FILE."
        )

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if trace := current().trace:
            headers |= trace.headers
        token = self._token()
        if token:
            headers["Authorization"] = token if " " in token else f"Bearer {token}"
        return headers

    def _token(self) -> str | None:
        """Read the current token, which may include `Bearer `, as printed by Argo's tools."""
        if not self._settings.token_file:
            return self._settings.token
        try:
            return Path(self._settings.token_file).read_text().strip()
        except OSError as exc:
            raise ConfigurationError(f"ARGO_TOKEN_FILE: cannot read {exc.filename}: {exc.strerror}.") from exc


class _PassingError(ArgoUnavailableError):
    """What another attempt may not meet."""


def accepted(response: BaseHTTPResponse) -> BaseHTTPResponse:
    """Return a response if it is successful.

    Raises:
        ArgoUnavailableError: the server failed.
        ArgoRefusedError: the server rejected the content of the request.
        ConfigurationError: it rejected the caller, which only the operator can fix.
    """
    if response.status < 300:
        return response
    problem = f"({response.status}): {reason(response)}"
    if response.status >= 500:
        raise ArgoUnavailableError(f"Argo failed at the call {problem}", maybe_done=True)
    if response.status in {401, 403}:
        raise ConfigurationError(
            f"Argo forbids the call {problem} Correct ARGO_TOKEN or ARGO_TOKEN_FILE, or the account's role."
        )
    refused = ArgoRefusedError if response.status in _REFUSALS else ConfigurationError
    raise refused(f"Argo refuses the call {problem}")


def document(response: BaseHTTPResponse) -> dict[str, Any]:
    """Read the JSON object that an accepted call answers with.

    Raises:
        ConfigurationError: it is something else, so this is no Argo Server; or as `accepted`.
    """
    try:
        answer = msgspec.json.decode(accepted(response).data)
    except msgspec.DecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise ConfigurationError(
            f"The server at ARGO_WORKFLOWS_SERVICE_URL is not an Argo Server. It sent {reason(response)!r}."
        )
    return answer


def reason(response: BaseHTTPResponse) -> str:
    """Read why a call was not accepted: grpc-gateway's `message`, else the beginning of the body."""
    text = response.data.decode(errors="replace")
    with suppress(ValueError, KeyError, TypeError):
        text = str(json.loads(text)["message"])
    return text.strip()[:_MAX_REASON]
