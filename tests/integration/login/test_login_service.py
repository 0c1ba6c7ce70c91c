"""The command line as users of a deployment type it, before the real functions and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ogdc_shared.auth.permissions import Role
from ogdc_shared.config import DatabaseSettings
from support.argo_server import ArgoServer
from support.logins import User
from support.recipes import inputs, make_recipe
from support.service import Service, serving
from support.stack import Done

Cli = Callable[..., Done]


@pytest.fixture
def service(database_settings: DatabaseSettings, tmp_path: Path) -> Iterator[Service]:
    with ArgoServer("ogdc") as argo, serving(database_settings, argo, tmp_path / "service") as service:
        yield service


@pytest.fixture
def user(service: Service, tmp_path: Path) -> Callable[[str], Cli]:
    """Somebody's command line, with an API token and a home of their own."""

    def sit_down(token: str) -> Cli:
        home = tmp_path / f"home-{abs(hash(token))}"
        return User(home, service.url, OGDC_TOKEN=token, OGDC_STATE_DIR=str(home / "state")).cli

    return sit_down


@pytest.fixture
def admin(service: Service, user: Callable[[str], Cli]) -> Cli:
    return user(service.token_of("root"))


def new_token(admin: Cli, name: str, role: Role) -> str:
    assert admin("users", "add", name, "--role", role).code == 0
    made = admin("tokens", "create", f"{name}'s laptop", "--user", name)
    assert made.code == 0, made
    return made.out.rstrip("\n")


def recipe(directory: Path) -> str:
    files = {"words.txt": "words\n"}
    return str(make_recipe(directory, input=inputs({"type": "file", "path": "words.txt"}), files=files))


def test_an_admin_adds_users_and_their_tokens_let_them_in(admin: Cli, user: Callable[[str], Cli]) -> None:
    assert admin("whoami").out.startswith("root, admin")
    added = admin("users", "add", "ada", "--name", "Ada Lovelace", "--role", "submitter", "--json").json()
    made = admin("tokens", "create", "laptop", "--user", "ada", "--days", "7")

    assert made.out.startswith("ogdc_")
    assert made.out.count("\n") == 1
    assert "not shown again" in made.err
    assert made.out.strip() not in made.err
    ada = user(made.out.strip())
    me = ada("whoami", "--json").json()
    assert (me["id"], me["name"], me["role"]) == (added["id"], "Ada Lovelace", "submitter")
    assert "by the API token 'laptop'" in ada("whoami").out
    assert [each["name"] for each in admin("users", "list", "--json").json()] == ["root", "Ada Lovelace"]
    assert "Ada Lovelace" in admin("users", "list").out
    assert [each["name"] for each in ada("tokens", "list", "--json").json()] == ["laptop"]
    assert "laptop" in ada("tokens", "list").out


def test_a_command_beyond_the_role_fails_with_a_message(
    admin: Cli, user: Callable[[str], Cli], tmp_path: Path
) -> None:
    viewer = user(new_token(admin, "vera", Role.VIEWER))
    refused = [viewer("submit", recipe(tmp_path / "r")), viewer("users", "list"), viewer("audit")]

    assert [each.code for each in refused] == [1, 1, 1]
    assert all("has the role viewer" in each.err for each in refused), refused
    assert admin("users", "role", "vera", "submitter", "--json").json()["given_role"] == "submitter"
    assert admin("users", "role", "vera", "none", "--json").json()["given_role"] is None
    assert admin("users", "role", "vera", "king").code == 2
    assert "no user" in admin("users", "role", "nobody", "viewer").err


def test_a_user_cannot_cancel_another_users_run(
    admin: Cli, user: Callable[[str], Cli], tmp_path: Path
) -> None:
    ada, eve = (user(new_token(admin, name, Role.SUBMITTER)) for name in ("ada", "eve"))
    run = ada("submit", "--json", recipe(tmp_path / "r")).json()["name"]

    refused = eve("cancel", run)
    assert refused.code == 1
    assert "belongs to another user" in refused.err
    assert ada("status", "--json", "-1").json()["name"] == run
    assert "There is no run of eve" in eve("status", "-1").err
    assert ada("cancel", run).code == 0
    assert [act["action"] for act in admin("audit", "--object", run, "--json").json()]
    shown = admin("audit", "--user", "ada").out
    assert run in shown
    assert f"ada ({ada('whoami', '--json').json()['id'][:8]})" in shown, "others may be called the same"


def test_disabled_users_and_revoked_tokens_are_rejected_immediately(
    admin: Cli, user: Callable[[str], Cli]
) -> None:
    ada = user(new_token(admin, "ada", Role.SUBMITTER))
    assert admin("users", "disable", "ada").code == 0
    disabled = ada("list")
    assert "disabled" in disabled.err
    assert admin("users", "enable", "ada").code == 0
    assert ada("list").code == 0

    assert ada("tokens", "revoke", "ada's laptop").code == 0
    revoked = ada("list")
    assert revoked.code == 1
    assert "revoked" in revoked.err
    assert "OGDC_TOKEN" in revoked.err


def test_an_unauthenticated_user_is_asked_to_log_in(service: Service, tmp_path: Path) -> None:
    done = User(tmp_path / "home", service.url).cli("list")

    assert done.code == 1
    assert "ogdc-runner login" in done.err


def test_doctor_reports_whether_the_token_is_valid(admin: Cli, user: Callable[[str], Cli]) -> None:
    token = new_token(admin, "ada", Role.VIEWER)

    def login(cli: Cli) -> dict[str, object]:
        [found] = [each for each in json.loads(cli("doctor", "--json").out) if each["part"] == "login"]
        return dict(found)

    good, bad = login(user(token)), login(user(token[:-1]))
    assert good["ok"]
    assert "ada, viewer, until 2" in str(good["text"])
    assert not bad["ok"]
    assert "OGDC_TOKEN" in str(bad["text"])
