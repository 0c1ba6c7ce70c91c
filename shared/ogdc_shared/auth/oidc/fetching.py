"""Fetching an issuer's discovery document and keys, with limits on size, time and target addresses.

The issuer's host was configured by the operator and may be anywhere. URLs in the discovery document come from
the issuer alone: they must be public, or on the same host.

Source: OpenID Connect Discovery 1.0, sections 3 and 4.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from ogdc_shared.auth.oidc.jwks import KeySet
from ogdc_shared.reach import Reach
from ogdc_shared.servers.proxies import proxy_of
from ogdc_shared.tls import context_for
from ogdc_shared.well_known import OPENID_CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import BaseHTTPResponse, PoolManager

    from ogdc_shared.oidc_settings import TrustedIssuer
    from ogdc_shared.reach import IPNetwork

_CONNECT_SECONDS = 3.0
_READ_SECONDS = 5.0
_WHOLE_SECONDS = 10.0
"""In which a document has to be there, however slowly it comes."""
_MAX_BYTES = 1 << 20
_PIECE = 1 << 16
_DOCUMENTS = "application/json, application/jwk-set+json"
"""The Kubernetes API gives its keys as the second alone. Source: RFC 7517 section 8.5.1."""


class IssuerError(Exception):
    """An issuer that does not answer, or not as an issuer does; says why, to the log."""


class IssuerServer:
    """Asks one issuer."""

    def __init__(self, trusted: TrustedIssuer, *, networks: tuple[IPNetwork, ...] = ()) -> None:
        """Ask nothing yet.

        Args:
            trusted: The issuer.
            networks: Where else the operator lets services connect to.
        """
        self._trusted = trusted
        self._hosts = frozenset(
            (urlsplit(url).hostname or "").lower() for url in (trusted.issuer, trusted.keys_url) if url
        )
        self._networks = networks
        self._discovered: Mapping[str, Any] | None = None

    def keys(self) -> KeySet:
        """Fetch the keys.

        Raises:
            IssuerError: they cannot be fetched.
        """
        url = self._trusted.keys_url or self.endpoint("jwks_uri")
        try:
            return KeySet(self._document(url))
        except ValueError as exc:
            raise IssuerError(f"{url} contains no usable keys: {exc}") from exc
        except IssuerError:
            self._discovered = None  # they may have moved
            raise

    def endpoint(self, name: str) -> str:
        """Return a URL of the discovery document, which is fetched once.

        Raises:
            IssuerError: it cannot be fetched, or lacks this URL.
        """
        if self._discovered is None:
            self._discovered = self._discover()
        url = self._discovered.get(name)
        if not isinstance(url, str) or not self._is_as_safe(url):
            raise IssuerError(f"the discovery document's `{name}` is {url!r:.300}")
        return url

    def post(self, url: str, form: Mapping[str, str], *, authorization: str) -> tuple[int, Any]:
        """Send a form as some client; returns status and JSON of the answer.

        Raises:
            IssuerError: there is no such answer.
        """
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Authorization": authorization,
        }
        return self._request("POST", url, body=urlencode(form).encode(), headers=headers)

    def _discover(self) -> Mapping[str, Any]:
        url = self._trusted.issuer.rstrip("/") + OPENID_CONFIGURATION
        found = self._document(url)
        if found.get("issuer") != self._trusted.issuer:
            raise IssuerError(
                f"{url} belongs to the issuer {found.get('issuer')!r:.300}, not to {self._trusted.issuer!r}: "
                "the setting must be exactly that issuer, including a slash at the end"
            )
        return found

    def _is_as_safe(self, url: str) -> bool:
        """Whether a URL is encrypted, unless the issuer's own is not."""
        return url.startswith("https://") or (
            url.startswith("http://") and self._trusted.issuer.startswith("http://")
        )

    def _document(self, url: str) -> Mapping[str, Any]:
        headers = {"Accept": _DOCUMENTS}
        if self._trusted.token_file:
            headers["Authorization"] = f"Bearer {_read(self._trusted.token_file)}"
        status, document = self._request("GET", url, body=None, headers=headers)
        if status != 200 or not isinstance(document, dict):
            raise IssuerError(f"{url} answered {status} without a JSON object")
        return document

    def _request(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Any]:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        try:
            with (
                self._pools(url) as pools,
                pools.request(
                    method,
                    url,
                    body=body,
                    headers=headers,
                    timeout=Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                ) as response,
            ):
                return response.status, json.loads(_read_all(response))
        except (HTTPError, OSError) as exc:
            raise IssuerError(f"{url} does not answer: {type(exc).__name__}: {exc}"[:500]) from exc
        except ValueError as exc:
            raise IssuerError(f"{url} did not answer with JSON: {exc}"[:500]) from exc

    def _pools(self, url: str) -> PoolManager:
        """Connections of this request alone: they are needed too seldom to be kept."""
        from ogdc_shared.connections import pool_manager, proxy_manager

        options: dict[str, Any] = {"num_pools": 1}
        if self._trusted.ca_file:
            options["ssl_context"] = context_for(self._trusted.ca_file)
        if proxy := proxy_of(url):
            return proxy_manager(proxy, **options)
        return pool_manager(Reach(networks=self._networks, hosts=self._hosts), **options)


def _read_all(response: BaseHTTPResponse) -> bytes:
    ends = time.monotonic() + _WHOLE_SECONDS
    content = b""
    while piece := response.read1(_PIECE):
        content += piece
        if len(content) > _MAX_BYTES or time.monotonic() > ends:
            raise IssuerError(
                f"its answer is longer than {_MAX_BYTES} bytes, or takes more than {_WHOLE_SECONDS:g} seconds"
            )
    return content


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as exc:
        raise IssuerError(f"{path} cannot be read: {exc}") from exc
