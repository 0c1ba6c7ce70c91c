"""All parts of a login together: the command line, a real provider, the real functions and PostgreSQL."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ogdc_shared.config import DatabaseSettings
from support.argo_server import ArgoServer
from support.github_runner import Runner
from support.http import Answer, FileServer, Request
from support.logins import Command, User
from support.oidc_provider import CLI_CLIENT, OidcProvider
from support.recipes import inputs, make_recipe
from support.service import Service, serving

ORCID = "https://orcid.org/0000-0002-1825-0097"
BROWSER_CLIENT = {**CLI_CLIENT, "grant_types": ["authorization_code", "refresh_token"]}


@pytest.fixture
def provider(request: pytest.FixtureRequest) -> Iterator[OidcProvider]:
    """The provider, with the settings that a test may give it."""
    with OidcProvider(**getattr(request, "param", {})) as running:
        yield running


Serve = Callable[..., Any]


@pytest.fixture
def serve(database_settings: DatabaseSettings, tmp_path: Path) -> Serve:
    """Serve a deployment, with more settings than it has."""

    @contextmanager
    def start(**environ: str) -> Iterator[Service]:
        with (
            ArgoServer("ogdc") as argo,
            serving(database_settings, argo, tmp_path / "service", **environ) as service,
        ):
            yield service

    return start


@pytest.fixture
def service(serve: Serve, provider: OidcProvider) -> Iterator[Service]:
    """A deployment whose users log in at the provider."""
    scopes = '["openid", "ogdc:submit"]'
    with serve(
        OGDC_OIDC_ISSUER=provider.issuer, OGDC_OIDC_CLIENT="ogdc-cli", OGDC_OIDC_SCOPES=scopes
    ) as service:
        yield service


@pytest.fixture
def user(service: Service, tmp_path: Path) -> Callable[..., User]:
    """Somebody with a home of their own."""

    def sit_down(name: str, **environ: str) -> User:
        home = tmp_path / f"home of {name}"
        return User(home, service.url, OGDC_STATE_DIR=str(home / "state"), **environ)

    return sit_down


def recipe(directory: Path) -> str:
    files = {"words.txt": "words\n"}
    return str(make_recipe(directory, input=inputs({"type": "file", "path": "words.txt"}), files=files))


@pytest.mark.parametrize("provider", [{"claims": {"orcid": "0000-0002-1825-0097"}}], indirect=True)
def test_a_user_logs_in_with_no_setting_but_the_url_and_submits(
    provider: OidcProvider, user: Callable[..., User], tmp_path: Path
) -> None:
    ada = user("ada")
    with Command(ada, "login", "--no-browser") as command:
        provider.approve(command.line_with("enter the code").split()[-1])
        done = command.ended()
    assert done.code == 0, done

    who = ada.cli("whoami", "--json").json()
    assert who["name"] == ORCID
    assert (who["issuer"], who["subject"], who["role"]) == (provider.issuer, "ada", "submitter")
    submitted = ada.cli("submit", recipe(tmp_path / "recipe"))
    assert submitted.code == 0, submitted
    assert ada.cli("users", "list").code == 1
    [run] = ada.cli("list", "--json").json()
    assert run["submitted_by"] == ORCID


def test_other_users_can_view_but_not_change_a_run(
    provider: OidcProvider, service: Service, user: Callable[..., User], tmp_path: Path
) -> None:
    root, ada, eve = user("root", OGDC_TOKEN=service.first_admin()), user("ada"), user("eve")
    for name, each in {"ada": ada, "eve": eve}.items():
        each.keep(provider.tokens(account=name), issuer=provider.issuer)
    run = ada.cli("submit", "--json", recipe(tmp_path / "recipe")).json()["name"]

    assert eve.cli("status", "--json", run).json()["submitted_by"] == "ada"
    refused = eve.cli("cancel", run)
    assert refused.code == 1
    assert "belongs to another user" in refused.err
    assert root.cli("users", "disable", "ada").code == 0
    assert "ada is disabled" in ada.cli("cancel", run).err
    assert root.cli("cancel", run).code == 0
    acts = root.cli("audit", "--object", run, "--json").json()
    assert [(act["user"], act["action"]) for act in acts] == [("admin", "run.cancel"), ("ada", "run.submit")]


@pytest.mark.parametrize("provider", [{"device": False, "clients": [BROWSER_CLIENT]}], indirect=True)
def test_a_browser_login_gives_access_and_is_renewed(
    provider: OidcProvider, user: Callable[..., User]
) -> None:
    ada = user("ada")
    with Command(ada, "login", "--no-browser") as command:
        provider.visit(command.line_with("Open this in a browser").split()[-1])
        assert command.ended().code == 0
    old = ada.login
    tokens = {"access_token": old.access_token, "refresh_token": old.refresh_token}
    ada.keep(tokens, issuer=provider.issuer, seconds=-1)

    assert ada.cli("whoami", "--json").json()["role"] == "submitter"
    assert ada.login.access_token not in {None, old.access_token}


def test_a_job_without_a_secret_can_submit_only_from_its_branch(
    provider: OidcProvider, serve: Serve, tmp_path: Path
) -> None:
    bound = {"repository": "QGreenland-Net/ogdc-recipes", "ref": "refs/heads/main"}
    trusted = {
        "issuer": provider.issuer,
        "audience": ["{url}"],
        "untyped": True,
        "grants": [{"role": "submitter", "claims": bound}],
    }
    claims: dict[str, Any] = {"iss": provider.issuer, "sub": "repo:QGreenland-Net/ogdc-recipes", **bound}

    def answer(request: Request) -> Answer:
        now = int(time.time())
        claims_now = claims | {"aud": request.query["audience"][0], "iat": now, "exp": now + 3600}
        return Answer(body=json.dumps({"value": provider.signed(claims_now, typ="JWT")}).encode())

    with FileServer(tmp_path) as github, serve(OGDC_OIDC_ISSUERS=json.dumps([trusted])) as service:
        github.routes["/idtoken"] = answer
        environ = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{github.url}/idtoken?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "the job's own",
        }
        runner = Runner(tmp_path / "job", environ=environ)
        runner.take_program()
        recipe(runner.workspace / "recipe")
        step_inputs = {"recipe": "recipe", "api_url": service.url, "wait": "false"}

        step = runner.run("Submit the recipe", timeout=300, **step_inputs)
        assert step.code == 0, step
        assert step.outputs["run"]
        claims["ref"] = "refs/heads/another"
        refused = runner.run("Submit the recipe", timeout=300, **step_inputs)
        assert refused.code == 1
        assert "has no role in this deployment" in refused.annotations("error")[0].data
