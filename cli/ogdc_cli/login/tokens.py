"""Parsing the token response of an issuer."""

from __future__ import annotations

from msgspec import Struct

from ogdc_cli.client_variables import fits_header
from ogdc_cli.login.logins import Login
from ogdc_cli.login.web import ProviderError


class TokenAnswer(Struct):
    """A token response (RFC 6749, section 5.1), without the ID token, which is not needed."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105  no password
    expires_in: float | None = None
    refresh_token: str | None = None


def taken_in(login: Login, answer: TokenAnswer) -> Login:
    """A login with what an issuer has given.

    Raises:
        ProviderError: it cannot be used.
    """
    if answer.token_type.lower() != "bearer" or not fits_header(answer.access_token):
        raise ProviderError("The provider's token cannot be used: it is not a bearer token.")
    return login.with_access(
        answer.access_token, refresh_token=answer.refresh_token, expires_in=answer.expires_in
    )
