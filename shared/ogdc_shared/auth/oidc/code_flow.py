"""The authorization code flow with PKCE for a confidential client, and refresh tokens.

Sources: RFC 6749 sections 4.1, 6 and 2.3.1 (the client's password), RFC 7636 (PKCE), RFC 9207 (`iss`).
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_plus, urlencode

from ogdc_shared.auth.oidc.fetching import IssuerError, IssuerServer
from ogdc_shared.auth.pkce import Proof
from ogdc_shared.errors import UnauthenticatedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ogdc_shared.oidc_settings import ConfidentialClient


class Attempt(NamedTuple):
    """What a browser keeps between its going to the issuer and its coming back."""

    state: str
    verifier: str

    @classmethod
    def new(cls) -> Attempt:
        """Create one with random values."""
        return cls(secrets.token_urlsafe(24), Proof.new().verifier)


class Tokens(NamedTuple):
    """What an issuer gives for a login."""

    access_token: str
    refresh_token: str | None


class ConfidentialLogin:
    """Logs people in at one issuer."""

    def __init__(self, client: ConfidentialClient, server: IssuerServer) -> None:
        self._client, self._server = client, server

    def url(self, attempt: Attempt, *, redirect_uri: str, scope: str) -> str:
        """Where a browser goes to log in.

        Raises:
            UnavailableError: the issuer does not answer.
        """
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": attempt.state,
            **Proof(attempt.verifier).challenge,
        }
        endpoint = self._endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def exchange(self, code: str, attempt: Attempt, *, redirect_uri: str) -> Tokens:
        """Exchange the code of a browser's callback for tokens.

        Raises:
            UnauthenticatedError: the issuer rejects it.
            UnavailableError: the issuer does not respond.
        """
        form = {"code": code, "redirect_uri": redirect_uri, "code_verifier": attempt.verifier}
        return self._tokens({"grant_type": "authorization_code"} | form)

    def refresh(self, refresh_token: str, *, scope: str | None) -> Tokens:
        """Exchange a refresh token for new tokens; errors as for `exchange`."""
        form = {"refresh_token": refresh_token} | ({"scope": scope} if scope else {})
        return self._tokens({"grant_type": "refresh_token"} | form)

    def _tokens(self, form: Mapping[str, str]) -> Tokens:
        endpoint = self._endpoint("token_endpoint")
        try:
            status, answer = self._server.post(endpoint, form, authorization=self._authorization())
        except IssuerError as exc:
            raise _away(exc) from exc
        if status >= 500 or not isinstance(answer, dict):
            raise _away(IssuerError(f"{endpoint} answered {status}"))
        if status != 200:
            raise UnauthenticatedError(
                f"The issuer rejected the request ({_word(answer)}). Start again at /login.",
                error="invalid_token",
            )
        return Tokens(_text(answer, "access_token"), answer.get("refresh_token"))

    def _endpoint(self, name: str) -> str:
        try:
            return self._server.endpoint(name)
        except IssuerError as exc:
            raise _away(exc) from exc

    def _authorization(self) -> str:
        words = (self._client.client_id, self._client.client_secret)
        return f"Basic {b64encode(':'.join(map(quote_plus, words)).encode()).decode()}"


def _away(exc: IssuerError) -> UnavailableError:
    error = UnavailableError("Nobody can log in just now: the issuer does not answer. Try again in a moment.")
    error.__cause__ = exc
    return error


def _word(answer: Mapping[str, Any]) -> str:
    """Return the issuer's error code if it is well-formed."""
    word = answer.get("error")
    return word if isinstance(word, str) and word.isidentifier() and len(word) < 64 else "no reason given"


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise _away(IssuerError(f"its answer has no `{name}`"))
    return value
