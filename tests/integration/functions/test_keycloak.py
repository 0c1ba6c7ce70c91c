"""Logins at Keycloak, in a realm like DataONE's; asked for by `pytest -m keycloak`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ogdc_shared.config import DatabaseSettings
from support.accounts import bearer
from support.argo_server import ArgoServer
from support.keycloak import SERVICE, USER, Browser, Keycloak
from support.logins import Command, User
from support.recipes import inputs, make_recipe
from support.service import serving
from support.stack import wait_until

pytestmark = pytest.mark.keycloak


@pytest.fixture(scope="module")
def keycloak(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    if "keycloak" not in request.config.getoption("markexpr"):
        pytest.skip("takes minutes and a large download: pytest -m keycloak")
    with Keycloak(tmp_path_factory.mktemp("keycloak")) as running:
        yield running


@pytest.fixture
def users(
    environment: pytest.MonkeyPatch, serve: Callable[[str], FlaskClient], keycloak: Keycloak, tmp_path: Path
) -> FlaskClient:
    client = SERVICE | {
        "server_metadata_url": f"{keycloak.issuer}/.well-known/openid-configuration",
        "redirect_uris": ["https://ogdc.example.org/api/authorize"],
    }
    secrets = tmp_path / "client_secrets.json"
    secrets.write_text(json.dumps(client))
    environment.setenv("ACCESS_MODE", "authenticated")
    environment.setenv("OIDC_CLIENT_SECRETS_FILE", str(secrets))
    environment.setenv("OGDC_OIDC_CLIENT", "ogdc-cli")
    return serve("users")


def ask(users: FlaskClient, token: str) -> TestResponse:
    return wait_until(lambda: (got := users.get("/me", headers=bearer(token))).status_code != 503 and got)


def test_a_token_of_the_device_grant_is_accepted(users: FlaskClient, keycloak: Keycloak):
    got = ask(users, keycloak.tokens("openid ogdc:submit")["access_token"])
    assert got.status_code == 200, got.text
    assert got.get_json()["name"] == "https://orcid.org/0000-0002-1825-0097"
    assert got.get_json()["issuer"] == keycloak.issuer
    assert got.get_json()["role"] == "submitter"


def test_other_kinds_of_tokens_are_refused(users: FlaskClient, keycloak: Keycloak):
    tokens = keycloak.tokens("openid ogdc:admin")
    assert ask(users, tokens["access_token"]).get_json()["role"] == "admin"
    assert ask(users, tokens["id_token"]).status_code == 401
    assert ask(users, tokens["refresh_token"]).status_code == 401


def test_a_token_without_a_subject_is_rejected(
    users: FlaskClient, keycloak: Keycloak, environment: pytest.MonkeyPatch, serve
):
    environment.setenv("OGDC_OIDC_AUDIENCE", '["without-basic"]')
    refused = ask(serve("users"), keycloak.password_tokens("without-basic")["access_token"])
    assert refused.status_code == 401
    assert "has no `sub`" in refused.get_json()["detail"]


def test_the_service_renews_a_login(users: FlaskClient, keycloak: Keycloak):
    form = SERVICE | USER | {"grant_type": "password", "scope": "openid ogdc:admin"}
    refresh = keycloak.post("token", form)["refresh_token"]
    renewed = users.post("/refresh", json={"refresh_token": refresh})
    assert renewed.status_code == 200, renewed.text
    assert ask(users, renewed.get_json()["token"]["access_token"]).get_json()["role"] == "admin"


def test_tokens_of_an_old_and_a_new_key_are_accepted(users: FlaskClient, keycloak: Keycloak):
    old = keycloak.tokens()["access_token"]
    assert ask(users, old).status_code == 200
    keycloak.add_key()
    assert ask(users, keycloak.tokens()["access_token"]).status_code == 200
    assert ask(users, old).status_code == 200


def test_command_line_from_a_login_to_a_run(
    keycloak: Keycloak, database_settings: DatabaseSettings, tmp_path: Path
):
    """By `ogdc-runner login` with a code, confirmed in Keycloak's own pages, and the real functions."""
    settings = {
        "OGDC_OIDC_ISSUER": keycloak.issuer,
        "OGDC_OIDC_CLIENT": "ogdc-cli",
        "OGDC_OIDC_SCOPES": '["openid", "profile", "ogdc:submit"]',
    }
    params = inputs({"type": "file", "path": "words.txt"})
    recipe = make_recipe(tmp_path / "recipe", input=params, files={"words.txt": "words\n"})
    with (
        ArgoServer("ogdc") as argo,
        serving(database_settings, argo, tmp_path / "service", **settings) as service,
    ):
        ada = User(tmp_path / "home", service.url, OGDC_STATE_DIR=str(tmp_path / "state"))
        with Command(ada, "login", "--no-browser") as command:
            code = command.line_with("enter the code").split()[-1]
            Browser().say_yes(f"{keycloak.issuer}/device?user_code={code}")
            done = command.ended()
        assert done.code == 0, done
        assert "https://orcid.org/0000-0002-1825-0097, submitter" in done.out
        submitted = ada.cli("submit", str(recipe))
        assert submitted.code == 0, submitted
        ada.keep(
            {"access_token": ada.login.access_token, "refresh_token": ada.login.refresh_token},
            issuer=keycloak.issuer,
            seconds=-1,
        )
        [run] = ada.cli("list", "--json").json()
        assert run["submitted_by"] == "https://orcid.org/0000-0002-1825-0097"
        assert ada.cli("logout").code == 0
        assert "ogdc-runner login" in ada.cli("list").err
