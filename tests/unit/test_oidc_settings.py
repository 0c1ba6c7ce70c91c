"""Settings about logins: from a deployment's variables to the issuers whose tokens are believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ogdc_shared.config import OidcSettings, Settings
from ogdc_shared.errors import ConfigurationError
from ogdc_shared.oidc_settings import Grant, TrustedIssuer

REALM = "https://login.example.org/realms/science"
GITHUB = {
    "issuer": "https://token.actions.githubusercontent.com",
    "audience": ["https://ogdc.example.org/api"],
    "untyped": True,
    "grants": [{"role": "submitter", "claims": {"repository": "org/data", "ref": ["refs/heads/main"]}}],
}


def read(**variables: str) -> OidcSettings:
    return Settings.from_env(variables).oidc


def written(path: Path, **more: object) -> str:
    client = {"client_id": "ogdc", "client_secret": "s3cret", "redirect_uris": []}
    path.write_text(
        json.dumps(client | {"server_metadata_url": f"{REALM}/.well-known/openid-configuration"} | more)
    )
    return str(path)


def test_without_a_setting_no_issuer_is_trusted():
    assert read().trusted() == ()


def test_an_issuer_alone_is_enough():
    [issuer] = read(OGDC_OIDC_ISSUER=REALM, OGDC_OIDC_CLIENT="ogdc-cli").trusted()
    assert issuer.issuer == REALM
    assert issuer.audience == ("ogdc", "ogdc-cli")
    assert Grant(role="admin", claims={"scope": "ogdc:admin"}) in issuer.grants
    assert issuer.others


def test_roles_can_be_read_from_another_claim():
    [issuer] = read(
        OGDC_OIDC_ISSUER=REALM, OGDC_OIDC_ROLE_CLAIM="realm_access.roles", OGDC_SCOPE_ADMIN="operators"
    ).trusted()
    assert Grant(role="admin", claims={"realm_access.roles": "operators"}) in issuer.grants


def test_slash_at_the_end_of_an_issuer_stays():
    """It is part of the name: some issuers have one."""
    [issuer] = read(OGDC_OIDC_ISSUER="https://login.example.org/").trusted()
    assert issuer.issuer == "https://login.example.org/"


def test_client_file_alone_is_enough(tmp_path: Path):
    oidc = read(OIDC_CLIENT_SECRETS_FILE=written(tmp_path / "secrets.json"))
    [issuer] = oidc.trusted()
    assert issuer.issuer == REALM
    assert "ogdc" in issuer.audience
    client = oidc.confidential_client()
    assert client is not None
    assert client.client_secret == "s3cret"
    assert "s3cret" not in repr(client)


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"client_id": 7}'], ids=repr)
def test_client_file_that_is_none(tmp_path: Path, content: str | None):
    path = tmp_path / "secrets.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match="OIDC_CLIENT_SECRETS_FILE="):
        read(OIDC_CLIENT_SECRETS_FILE=str(path)).trusted()


def test_others_stand_beside_it():
    oidc = read(OGDC_OIDC_ISSUER=REALM, OGDC_OIDC_ISSUERS=json.dumps([GITHUB]))
    main, github = oidc.trusted()
    assert main.issuer == REALM
    assert github == TrustedIssuer(
        issuer="https://token.actions.githubusercontent.com",
        audience=("https://ogdc.example.org/api",),
        untyped=True,
        grants=(Grant(role="submitter", claims={"repository": "org/data", "ref": ("refs/heads/main",)}),),
    )
    assert not github.others
    assert not oidc.has_sources


def test_senders_of_events_are_told_apart_from_users():
    oidc = read(OGDC_OIDC_ISSUER=REALM, OGDC_EVENT_ISSUERS=json.dumps([GITHUB]))
    assert oidc.has_sources
    assert [each.issuer for each in oidc.of_users()] == [REALM]


@pytest.mark.parametrize(
    "change",
    [
        {"audience": []},
        {"audience": "ogdc"},
        {"issuer": "token.actions.githubusercontent.com"},
        {"issuer": "file:///etc/passwd"},
        {"keys_url": "file:///etc/passwd"},
        {"grants": [{"role": "owner", "claims": {}}]},
        {"grants": [{"role": "admin"}]},
        {"grants": [{"role": "admin", "claims": {}}]},
        {"grants": [{"role": "admin", "claims": {"a": 1}}]},
        {"secret": "x"},
    ],
    ids=str,
)
def test_entry_that_cannot_be_used_is_named(change: dict[str, object]):
    with pytest.raises(ConfigurationError, match="OGDC_OIDC_ISSUERS: "):
        read(OGDC_OIDC_ISSUERS=json.dumps([GITHUB | change]))


@pytest.mark.parametrize("value", ["ogdc", "{}", "[1]", '[""]'])
def test_audience_that_is_no_list_of_texts(value: str):
    with pytest.raises(ConfigurationError, match="OGDC_OIDC_AUDIENCE"):
        read(OGDC_OIDC_AUDIENCE=value)


def test_issuer_that_is_named_twice():
    twice = read(OGDC_OIDC_ISSUER=GITHUB["issuer"], OGDC_OIDC_ISSUERS=json.dumps([GITHUB]))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="twice"):
        twice.trusted()


def test_scopes_that_a_login_asks_for():
    assert read().asked_scopes == ("openid", "profile", "email", "ogdc:admin")
    assert read(OGDC_SCOPE_ADMIN="x").asked_scopes == ("openid", "profile", "email", "x")
    assert read(OGDC_OIDC_ROLE_CLAIM="groups").asked_scopes == ("openid", "profile", "email")
    assert read(OGDC_OIDC_SCOPES='["openid", "ogdc:submit"]').asked_scopes == ("openid", "ogdc:submit")
