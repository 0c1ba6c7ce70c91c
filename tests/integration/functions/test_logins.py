"""Logins at a real OpenID provider, as the services take them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ogdc_shared.auth.oidc.issuers import Issuers
from ogdc_shared.config import Settings
from ogdc_shared.db.database import Database
from support.accounts import bearer
from support.issuer import Issuer
from support.oidc_provider import OidcProvider
from support.stack import wait_until

BROWSER_CLIENT = {
    "client_id": "ogdc",
    "client_secret": "s3cret of the service: %&+/",
    "redirect_uris": ["https://ogdc.example.org/api/authorize"],
    "grant_types": ["authorization_code", "refresh_token"],
}
ORCID = "https://orcid.org/0000-0002-1825-0097"
SENDER = {"typ": None, "aud": ["ogdc-events"], "sub": "system:serviceaccount:ogdc:workflows-oidc-trigger"}
SOURCE_ROUTES = (("argo_events", "/"), ("upload", "/"), ("dead_letters", "/"), ("submit", "/sweep"))
API = {"base_url": "https://ogdc.example.org/api"}


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    clients = [*OidcProvider().clients, BROWSER_CLIENT]
    with OidcProvider(clients=clients, claims={"orcid": "0000-0002-1825-0097"}) as running:
        yield running


@pytest.fixture
def environment(environment: pytest.MonkeyPatch, provider: OidcProvider) -> pytest.MonkeyPatch:
    environment.setenv("ACCESS_MODE", "authenticated")
    environment.setenv("OGDC_OIDC_ISSUER", provider.issuer)
    environment.setenv("OGDC_PUBLIC_URL", "https://ogdc.example.org/api")
    return environment


@pytest.fixture
def users(serve: Callable[[str], FlaskClient]) -> FlaskClient:
    """The users service, asked by who keeps no cookies but those a test sends."""
    return serve("users").application.test_client(use_cookies=False)


def ask(service: FlaskClient, token: str, path: str = "/me") -> TestResponse:
    """Ask until the keys were had: on a machine that is busy, the first requests may not wait for them."""
    return wait_until(lambda: (got := service.get(path, headers=bearer(token))).status_code != 503 and got)


class TestTokens:
    def test_a_login_creates_a_user_with_the_role_of_the_scopes(self, users, provider):
        got = ask(users, provider.token("ogdc:submit"))
        assert got.status_code == 200, got.text
        answer = got.get_json()
        assert (answer["name"], answer["issuer"], answer["subject"]) == (ORCID, provider.issuer, "ada")
        assert answer["role"] == "submitter"
        assert ask(users, provider.token("ogdc:admin")).get_json()["role"] == "admin"
        assert ask(users, provider.token("ogdc:admin")).get_json()["id"] == answer["id"]

    def test_tokens_in_the_form_of_keycloak_are_accepted(self, users, provider):
        provider.change(form="keycloak")
        token = provider.signed(provider.claims(aud=None, azp="ogdc", typ="Bearer"), typ="JWT")
        robot = provider.robot_token()
        provider.change(form="at+jwt")
        assert ask(users, token).status_code == 200
        assert ask(users, robot).status_code == 401  # its client is none of ours

    def test_id_and_refresh_tokens_are_rejected(self, users, provider):
        tokens = provider.tokens()
        assert ask(users, tokens["access_token"]).status_code == 200
        for other in (tokens["id_token"], tokens["refresh_token"]):
            refused = ask(users, other)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == (
                'Bearer error="invalid_token", '
                'resource_metadata="https://ogdc.example.org/api/.well-known/oauth-protected-resource"'
            )
            assert other not in refused.text

    def test_a_request_beyond_the_role_is_rejected(self, users, provider):
        refused = ask(users, provider.token("ogdc:submit"), "/users")
        assert refused.status_code == 403
        assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]

    def test_an_invalid_token_is_rejected(self, users):
        for value in ("Bearer a.b.c", "Bearer " + "x" * 20_000, "Bearer \xe9.\xe9.\xe9"):
            assert users.get("/me", headers={"Authorization": value}).status_code == 401


class TestRotationAndOutage:
    """Requests of several threads, while the provider changes its keys, goes away and comes back."""

    def test_no_request_fails_during_a_key_rotation(self, provider, environment):
        issuers = Issuers(Settings.from_env().oidc.trusted(), patience=300)
        tokens, stop, failures, counted = [provider.token()], threading.Event(), [], [0] * 4

        def work(number: int) -> None:
            while not stop.is_set():
                try:
                    issuers.identify(tokens[-1], now=time.time())
                except Exception as exc:
                    failures.append(exc)
                counted[number] += 1

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            for change in (
                provider.rotate,
                provider.rotate,
                lambda: provider.rotate(alg="ES256"),
                provider.stop,
            ):
                change()
                if provider.is_running:
                    tokens.append(provider.signed(provider.claims()))
                before = [*counted]
                wait_until(
                    lambda seen=before: all(now > then + 1 for now, then in zip(counted, seen, strict=True))
                )
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            provider.start()
        assert failures == []

    def test_an_unknown_key_during_an_outage_of_the_issuer_is_503(self, users, provider):
        known = provider.token()
        assert ask(users, known).status_code == 200
        provider.rotate()
        unknown = provider.signed(provider.claims())
        provider.stop()
        try:
            away = users.get("/me", headers=bearer(unknown))
            assert away.status_code == 503
            assert int(away.headers["Retry-After"]) > 0
            assert users.get("/me", headers=bearer(known)).status_code == 200
        finally:
            provider.start()
        assert ask(users, unknown).status_code == 200

    def test_a_service_started_during_an_outage_uses_keys_fetched_by_others(self, serve, provider, database):
        token = provider.token()
        assert ask(serve("users"), token).status_code == 200
        wait_until(lambda: kept_keys(database) == [provider.issuer])
        provider.stop()
        try:
            assert ask(serve("status"), token, "/runs").status_code == 200
        finally:
            provider.start()


def kept_keys(database: Database) -> list[str]:
    with database.autocommit() as conn:
        return [issuer for (issuer,) in conn.execute("SELECT issuer FROM issuer_keys")]


class TestMetadata:
    PATH = "/.well-known/oauth-protected-resource"

    def test_metadata_contain_all_that_the_command_line_needs(self, environment, serve, provider):
        environment.setenv("OGDC_OIDC_CLIENT", "ogdc-cli")
        environment.setenv("OGDC_OIDC_SCOPES", '["openid", "ogdc:submit"]')
        assert serve("users").get(self.PATH).get_json() == {
            "resource": "https://ogdc.example.org/api",
            "authorization_servers": [provider.issuer],
            "scopes_supported": ["openid", "ogdc:submit"],
            "bearer_methods_supported": ["header"],
            "ogdc_client_id": "ogdc-cli",
        }

    def test_metadata_omit_issuers_of_programs(self, environment, serve, provider):
        github = {"issuer": "https://token.actions.githubusercontent.com", "audience": ["x"], "untyped": True}
        environment.setenv("OGDC_OIDC_ISSUERS", json.dumps([github]))
        answer = serve("users").get(self.PATH).get_json()
        assert answer["authorization_servers"] == [provider.issuer]
        assert answer["ogdc_client_id"] is None

    def test_there_are_no_metadata_without_authentication(self, environment, serve):
        environment.setenv("ACCESS_MODE", "open")
        assert serve("users").get(self.PATH).status_code == 404


@pytest.fixture
def secrets(environment: pytest.MonkeyPatch, provider: OidcProvider, tmp_path: Path) -> Path:
    """The file as DataONE's deployments have it."""
    path = tmp_path / "client_secrets.json"
    url = f"{provider.issuer}/.well-known/openid-configuration"
    path.write_text(json.dumps(BROWSER_CLIENT | {"server_metadata_url": url}))
    environment.setenv("OIDC_CLIENT_SECRETS_FILE", str(path))
    return path


def begin(users: FlaskClient) -> tuple[str, dict[str, str]]:
    """Begin to log in; returns where the browser is sent, and the cookie it was given."""
    sent = users.get("/login", **API)
    assert sent.status_code == 302, sent.text
    cookie = SimpleCookie(sent.headers["Set-Cookie"])
    [(name, morsel)] = cookie.items()
    assert name == "__Host-ogdc-login"
    assert morsel["secure"]
    assert morsel["httponly"]
    return sent.headers["Location"], {"Cookie": f"{name}={morsel.value}"}


def logged_in(provider: OidcProvider, url: str) -> dict[str, str]:
    """Log in with a browser; returns the query that it comes back with."""
    back = provider.visit_until_sent_back(url, "https://ogdc.example.org/api/authorize")
    return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}


@pytest.mark.usefixtures("secrets")
class TestBrowser:
    def test_a_browser_login_gives_tokens_that_are_accepted_and_renewed(self, users, provider, caplog):
        url, cookie = begin(users)
        query = logged_in(provider, url)
        shown = users.get("/authorize", query_string=query, headers=cookie, **API)
        assert shown.status_code == 200, shown.text
        assert shown.headers["Cache-Control"] == "no-store"
        tokens = shown.get_json()["token"]
        assert shown.get_json().keys() == {"message", "token"}
        assert ask(users, tokens["access_token"]).get_json()["role"] == "admin"

        renewed = users.post("/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert renewed.status_code == 200, renewed.text
        assert renewed.get_json()["token"].keys() == {"access_token", "refresh_token"}
        assert ask(users, renewed.get_json()["token"]["access_token"]).status_code == 200
        known = [BROWSER_CLIENT["client_secret"], query["code"], *tokens.values()]
        assert not [each for each in known if str(each) in caplog.text]

    def test_used_refresh_token_is_refused(self, users):
        refused = users.post("/refresh", json={"refresh_token": "nobody's"})
        assert refused.status_code == 401
        assert "invalid_grant" in refused.get_json()["detail"]

    def test_a_body_without_a_refresh_token_is_rejected(self, users):
        assert users.post("/refresh", json={}).status_code == 400
        assert users.post("/refresh", json={"refresh_token": 7}).status_code == 400

    def test_code_of_another_browser_is_refused(self, users, provider):
        url, _ = begin(users)
        query = logged_in(provider, url)
        _, others = begin(users)
        for headers in ({}, others, {"Cookie": "__Host-ogdc-login=."}):
            refused = users.get("/authorize", query_string=query, headers=headers, **API)
            assert refused.status_code == 400, refused.text
            assert "Start again at /login" in refused.get_json()["detail"]

    def test_an_error_or_wrong_code_of_the_issuer_is_not_a_login(self, users):
        url, cookie = begin(users)
        state = parse_qs(urlsplit(url).query)["state"][0]
        for query in ({"state": state, "error": "access_denied"}, {"state": state, "code": ""}):
            assert users.get("/authorize", query_string=query, headers=cookie, **API).status_code == 400
        wrong = {"state": state, "code": "guessed"}
        assert users.get("/authorize", query_string=wrong, headers=cookie, **API).status_code == 401

    def test_answer_of_another_issuer(self, users):
        url, cookie = begin(users)
        query = {
            "state": parse_qs(urlsplit(url).query)["state"][0],
            "code": "c",
            "iss": "https://evil.example",
        }
        assert users.get("/authorize", query_string=query, headers=cookie, **API).status_code == 400

    def test_without_the_issuer_it_is_503(self, users, provider):
        provider.stop()
        try:
            assert users.get("/login", **API).status_code == 503
            assert users.post("/refresh", json={"refresh_token": "x"}).status_code == 503
        finally:
            provider.start()


def test_no_logins_in_a_browser_without_a_client(users):
    for answer in (
        users.get("/login"),
        users.get("/authorize"),
        users.post("/refresh", json={"refresh_token": "x"}),
    ):
        assert answer.status_code == 404
        assert "ogdc-runner login" in answer.get_json()["detail"]


class TestSenders:
    """Knative's identities: the token of a service account, for the audience that a Trigger names."""

    @pytest.fixture
    def cluster(self, environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Issuer]:
        token = tmp_path / "token"
        token.write_text("of the function\n")
        with Issuer() as issuer:
            known: dict[str, Any] = {
                "issuer": issuer.url,
                "audience": ["ogdc-events"],
                "untyped": True,
                "keys_url": f"{issuer.url}/jwks",
                "token_file": str(token),
                "grants": [{"role": "source", "claims": {"sub": "system:serviceaccount:ogdc:*"}}],
            }
            environment.setenv("OGDC_EVENT_ISSUERS", json.dumps([known]))
            environment.setenv("OGDC_EVENT_TOKEN", "shared")
            yield issuer

    @staticmethod
    def send(service: FlaskClient, path: str, token: str | None, **headers: str) -> int:
        """Send an event until the keys were had; returns the status of the answer."""
        event = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/x", "ce-type": "org.example.x"}
        sent = event | headers | (bearer(token) if token else {})

        def answer() -> int | None:
            status = service.post(path, json={}, headers=sent).status_code
            return None if status == 503 else status

        return int(wait_until(answer))

    @pytest.mark.parametrize(("name", "path"), SOURCE_ROUTES)
    def test_only_tokens_of_the_broker_are_accepted(self, serve, cluster, name: str, path: str):
        service = serve(name)
        shared = {"ce-ogdctoken": "shared"}
        elsewhere = SENDER | {"sub": "system:serviceaccount:default:anybody"}
        assert self.send(service, path, None, **shared) == 401
        assert self.send(service, path, "a.b.c", **shared) == 401
        assert self.send(service, path, cluster.token(**elsewhere), **shared) == 403
        assert self.send(service, path, cluster.token(**SENDER | {"aud": "ogdc"}), **shared) == 401
        assert self.send(service, path, cluster.token(**SENDER), **shared) not in {401, 403}
        asked = [each for each in cluster.requests if each.path == "/jwks"]
        assert {each.headers["Authorization"] for each in asked} == {"Bearer of the function"}

    def test_the_shared_secret_is_required_as_well(self, serve, cluster):
        for name, path in SOURCE_ROUTES:
            if name != "dead_letters":
                assert self.send(serve(name), path, cluster.token(**SENDER)) in {400, 401}

    def test_an_object_store_may_use_its_own_token(self, serve, cluster, environment):
        environment.setenv("OGDC_UPLOAD_TOKEN", "the store's")
        service = serve("upload")
        assert self.send(service, "/", "the store's") not in {401, 403}
        assert self.send(service, "/", "another") == 401

    def test_is_no_user(self, serve, cluster, environment):
        environment.setenv("ACCESS_MODE", "authenticated")
        assert ask(serve("users"), cluster.token(**SENDER)).status_code == 403
