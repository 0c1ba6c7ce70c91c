"""All parts of a login together: the command line, a real provider, the real functions and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_shared.config import DatabaseSettings
from support.argo_server import ArgoServer
from support.logins import Command, User
from support.oidc_provider import OidcProvider
from support.recipes import inputs, make_recipe
from support.service import serving

SCOPES = '["openid", "ogdc:submit"]'


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with OidcProvider(claims={"orcid": "0000-0002-1825-0097"}) as running:
        yield running


def test_a_user_logs_in_with_no_setting_but_the_url_and_submits(
    provider: OidcProvider, database_settings: DatabaseSettings, tmp_path: Path
) -> None:
    settings = {
        "OGDC_OIDC_ISSUER": provider.issuer,
        "OGDC_OIDC_CLIENT": "ogdc-cli",
        "OGDC_OIDC_SCOPES": SCOPES,
    }
    with (
        ArgoServer("ogdc") as argo,
        serving(database_settings, argo, tmp_path / "service", **settings) as service,
    ):
        user = User(tmp_path / "home", service.url, OGDC_STATE_DIR=str(tmp_path / "state"))
        with Command(user, "login", "--no-browser") as command:
            provider.approve(command.line_with("enter the code").split()[-1])
            done = command.ended()
        assert done.code == 0, done

        who = json.loads(user.cli("whoami", "--json").out)
        assert who["name"] == "https://orcid.org/0000-0002-1825-0097"
        assert (who["issuer"], who["subject"], who["role"]) == (provider.issuer, "ada", "submitter")
        files = {"words.txt": "words\n"}
        recipe = make_recipe(
            tmp_path / "recipe", input=inputs({"type": "file", "path": "words.txt"}), files=files
        )
        submitted = user.cli("submit", str(recipe))
        assert submitted.code == 0, submitted
        assert user.cli("users", "list").code == 1
        [run] = json.loads(user.cli("list", "--json").out)
        assert run["submitted_by"] == who["name"]
