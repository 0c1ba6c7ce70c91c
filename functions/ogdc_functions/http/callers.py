"""Credentials in requests, and the challenge (WWW-Authenticate) in responses to rejected ones."""

from __future__ import annotations

from flask import Request, Response

from ogdc_shared.accounts.identify import Credentials
from ogdc_shared.auth.caller import USER_HEADER
from ogdc_shared.config import Settings
from ogdc_shared.errors import RoleError, UnauthenticatedError
from ogdc_shared.well_known import PROTECTED_RESOURCE


def credentials_of(request: Request) -> Credentials:
    """Read the credentials of a request."""
    headers = request.headers
    return Credentials(authorization=headers.get("Authorization"), claimed=headers.get(USER_HEADER))


def public_url(request: Request, settings: Settings) -> str:
    """Base URL of the API as clients see it, without a trailing slash."""
    if settings.access.public_url:
        return settings.access.public_url
    scheme = _first(request, "X-Forwarded-Proto") or request.scheme
    host = _first(request, "X-Forwarded-Host") or request.host
    return f"{scheme}://{host}"


def add_challenge(response: Response, exc: Exception, request: Request, settings: Settings) -> None:
    """Add a WWW-Authenticate header, which says what is missing and where to log in.

    Source: RFC 6750 section 3 (error), RFC 9728 section 5.1 (resource_metadata).
    """
    words = []
    if isinstance(exc, UnauthenticatedError) and exc.error:
        words.append(f'error="{exc.error}"')
    elif isinstance(exc, RoleError):
        words.append('error="insufficient_scope"')
    if response.status_code == 401 or words:
        words.append(f'resource_metadata="{public_url(request, settings)}{PROTECTED_RESOURCE}"')
        response.headers["WWW-Authenticate"] = f"Bearer {', '.join(words)}"


def _first(request: Request, header: str) -> str:
    return request.headers.get(header, "").partition(",")[0].strip()
