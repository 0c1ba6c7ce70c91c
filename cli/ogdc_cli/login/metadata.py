"""Discovering how to log in: metadata of the deployment (RFC 9728) and of its issuer (OpenID Connect).

Sources: RFC 9728, sections 2 and 3; OpenID Connect Discovery 1.0, sections 3 and 4.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from msgspec import Struct, field

from ogdc_cli.login.logins import key_of
from ogdc_cli.login.web import ProviderError, Web, check_url
from ogdc_shared.well_known import OPENID_CONFIGURATION, PROTECTED_RESOURCE


class Deployment(Struct):
    """What a deployment says of its logins."""

    resource: str = ""
    """The deployment's identifier for itself."""
    authorization_servers: list[str] = []
    """Issuers; people log in at the first."""
    scopes_supported: list[str] = []
    client_id: str | None = field(name="ogdc_client_id", default=None)
    """What that issuer knows this program by."""


class Issuer(Struct):
    """An issuer's endpoints."""

    issuer: str
    token_endpoint: str
    device_authorization_endpoint: str | None = None
    authorization_endpoint: str | None = None
    revocation_endpoint: str | None = None
    authorization_response_iss_parameter_supported: bool = False


class Way(NamedTuple):
    """All that logging in takes."""

    issuer: Issuer
    client_id: str
    scope: str
    """As a request has it: words with spaces between them."""


def deployment(web: Web, api_url: str) -> Deployment:
    """Read which issuers a deployment trusts.

    Raises:
        ProviderError: it does not say, as one that requires no login.
    """
    last: ProviderError | None = None
    for url in _places(api_url):
        try:
            return web.document(url, Deployment)
        except ProviderError as exc:
            if exc.status not in (404, 405):
                raise
            last = exc
    raise ProviderError(
        f"{api_url} does not say where to log in. Either it requires no login (ACCESS_MODE=open), or it is "
        "not an OGDC API of this version. Tokens that it issued can be stored with `ogdc-runner login "
        "--paste`.",
        status=404,
    ) from last


def audience_for_jobs(web: Web, api_url: str) -> str | None:
    """Return the required audience of a job's token; None if the deployment requires no login.

    Raises:
        ProviderError: it does not respond, or requires a token for another deployment.
    """
    try:
        named = deployment(web, api_url).resource or api_url
    except ProviderError as exc:
        if exc.status == 404:
            return None
        raise
    if _origin(named) != _origin(api_url):
        raise ProviderError(
            f"{api_url} calls itself {named[:200]!r}, and gets no token for that. Is the URL right?"
        )
    return named


def discover(web: Web, issuer: str) -> Issuer:
    """Fetch an issuer's discovery document.

    Raises:
        ProviderError: there is none, it belongs to another issuer, or its URLs are not safe.
    """
    found = web.document(issuer.rstrip("/") + OPENID_CONFIGURATION, Issuer)
    if found.issuer != issuer:
        raise ProviderError(
            f"{issuer} calls itself {found.issuer[:200]!r}: the deployment names another issuer, so "
            "it cannot be used for logins."
        )
    for endpoint in (
        found.token_endpoint,
        found.device_authorization_endpoint,
        found.authorization_endpoint,
        found.revocation_endpoint,
    ):
        if endpoint is not None:
            check_url(endpoint)
    return found


def _places(api_url: str) -> tuple[str, str]:
    """Where the document is: below the API, as our functions have it, or where RFC 9728 puts it."""
    path = urlsplit(api_url).path.rstrip("/")
    return f"{api_url}{PROTECTED_RESOURCE}", f"{_origin(api_url)}{PROTECTED_RESOURCE}{path}"


def _origin(url: str) -> str:
    return key_of(url).removesuffix(urlsplit(url).path.rstrip("/"))
