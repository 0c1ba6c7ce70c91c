"""What is answered about logging in, in JSON."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ogdc_shared.api.answers import Answer


class ProtectedResource(Answer):
    """Where to log in. Source: RFC 9728 section 2."""

    resource: Annotated[str, Meta(description="Base URL of this API; what tokens of programs are meant for.")]
    authorization_servers: Annotated[
        list[str], Meta(description="Issuers that people log in at; empty: only API tokens are taken.")
    ]
    scopes_supported: Annotated[list[str], Meta(description="What a login asks for.")]
    bearer_methods_supported: list[str]
    ogdc_client_id: Annotated[
        str | None, Meta(description="What the issuer knows `ogdc-runner login` by; null: it does not.")
    ]


class TokenPair(Answer):
    """What an issuer gives for a login."""

    access_token: str
    refresh_token: str | None


class LoginTokens(Answer):
    """A login's tokens, for `ogdc-runner set-token --json-str`."""

    message: str
    token: TokenPair
