"""The OpenID provider of the tests works as other tests expect."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from support.http import Answer, FileServer, Request
from support.oidc_provider import CLI_CLIENT, OidcProvider

pytestmark = pytest.mark.slow
CLIENT = {"client_id": "ogdc-cli"}


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with OidcProvider(claims={"orcid": "0000-0002-1825-0097"}) as running:
        yield running


def parts(token: str) -> list[dict[str, Any]]:
    """Header and claims of a JWT."""
    return [json.loads(base64.urlsafe_b64decode(f"{part}==")) for part in token.split(".")[:2]]


def test_device_grant_gives_all_three_tokens(provider):
    tokens = provider.tokens("ogdc:submit ogdc:admin", account="grace")
    assert tokens.keys() >= {"access_token", "refresh_token", "id_token"}
    header, claims = parts(tokens["access_token"])
    assert header["typ"] == "at+jwt"
    assert claims["aud"] == "ogdc"
    assert claims["sub"] == claims["preferred_username"] == "grace"
    assert claims["scope"] == "ogdc:submit ogdc:admin"


def test_a_denied_device_grant_gives_no_token(provider):
    asked = provider.post("/device/auth", CLIENT | {"scope": "openid"})
    provider.approve(asked["user_code"], deny=True)
    form = {"grant_type": CLI_CLIENT["grant_types"][2], "device_code": asked["device_code"]}
    assert provider.post("/token", CLIENT | form)["error"] == "access_denied"


def test_refresh_token_is_good_for_one_use(provider):
    form = CLIENT | {"grant_type": "refresh_token"}
    old = provider.tokens()["refresh_token"]
    new = provider.post("/token", form | {"refresh_token": old})["refresh_token"]
    assert provider.post("/token", form | {"refresh_token": old})["error"] == "invalid_grant"
    assert provider.post("/token", form | {"refresh_token": new})["error"] == "invalid_grant"


def test_revoked_refresh_token_is_dead(provider):
    token = provider.tokens()["refresh_token"]
    provider.post("/token/revocation", CLIENT | {"token": token})
    form = CLIENT | {"grant_type": "refresh_token", "refresh_token": token}
    assert provider.post("/token", form)["error"] == "invalid_grant"


def test_code_with_pkce_comes_back_to_the_redirect_uri(provider, tmp_path: Path):
    seen: list[Request] = []
    with FileServer(tmp_path) as loopback:
        loopback.routes["/callback"] = lambda request: (seen.append(request), Answer(body=b"welcome"))[1]
        verifier = "v" * 43
        back = f"{loopback.url}/callback"
        asked = CLIENT | {"response_type": "code", "scope": "openid ogdc:submit", "redirect_uri": back}
        asked |= {"state": "s", "code_challenge_method": "S256", "code_challenge": s256(verifier)}
        assert provider.visit(f"{provider.issuer}/auth?{urlencode(asked)}") == "welcome"
    [code] = seen[0].query["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
    tokens = provider.post("/token", CLIENT | form | {"code_verifier": verifier})
    assert parts(tokens["access_token"])[1]["sub"] == "ada"


def s256(verifier: str) -> str:
    """Source: RFC 7636 section 4.2."""
    import hashlib

    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def test_keycloaks_form_has_no_audience(provider):
    provider.change(form="keycloak", seconds=7)
    header, claims = parts(provider.robot_token())
    provider.change(form="at+jwt", seconds=3600)
    assert header["typ"] == "JWT"
    assert (claims["typ"], claims["azp"]) == ("Bearer", "robot")
    assert "aud" not in claims
    assert claims["exp"] - claims["iat"] == 7


def test_rotation_signs_with_a_new_key_and_keeps_refresh_tokens(provider):
    refresh = provider.tokens()["refresh_token"]
    before = parts(provider.token())[0]["kid"]
    kid = provider.rotate()
    form = CLIENT | {"grant_type": "refresh_token", "refresh_token": refresh}
    assert parts(provider.post("/token", form)["access_token"])[0]["kid"] == kid != before
    assert [key["kid"] for key in provider.private_keys()][:2] == [kid, before]


def test_restart_keeps_address_and_keys():
    with OidcProvider() as provider:
        issuer, keys = provider.issuer, provider.private_keys()
        provider.stop()
        provider.start()
        assert (provider.issuer, provider.private_keys()) == (issuer, keys)
        assert provider.requests() == []
