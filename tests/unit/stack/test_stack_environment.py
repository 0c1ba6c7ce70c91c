from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from ogdc_local.settings import StackSettings
from ogdc_local.stack.environment import (
    DATAONE_NODE_URL,
    OF_LOGINS,
    function_environment,
    load_signing_key,
    passed_on,
)
from ogdc_local.stack.paths import StatePaths
from ogdc_shared.access_settings import AccessSettings
from ogdc_shared.config import Settings
from ogdc_shared.errors import ConfigurationError
from ogdc_shared.oidc_settings import OidcSettings
from ogdc_shared.variables import read_variable, variables


@pytest.fixture
def paths(tmp_path):
    paths = StatePaths(tmp_path / "state")
    paths.create()
    yield paths
    paths.remove_socket_dir()


def settings_for(paths, user):
    environment = function_environment(
        paths,
        url="http://127.0.0.1:1",
        engine_url="http://127.0.0.1:2",
        engine_token="known to the stack alone",
        signing_key="secret",
        settings=passed_on(user),
    )
    return Settings.from_env(environment)


def test_functions_are_pointed_at_the_stack(paths):
    settings = settings_for(paths, {})
    assert settings.access_mode == "open"
    assert settings.allow_local_recipes
    assert settings.database.host == str(paths.socket_dir())
    assert settings.argo.url == "http://127.0.0.1:2"
    assert settings.storage.url == "http://127.0.0.1:1"
    assert settings.storage.directory == str(paths.artifacts)
    assert settings.dataone_node_url == DATAONE_NODE_URL


def test_users_settings_are_taken_over(paths):
    user = {"DATAONE_NODE_URL": "http://127.0.0.1:9/mn", "OGDC_WORKER_MEMORY": "512Mi"}
    settings = settings_for(paths, user)
    assert settings.dataone_node_url == "http://127.0.0.1:9/mn"
    assert settings.worker.memory == "512Mi"


def test_directories_stand_for_claims(paths, tmp_path):
    claims = json.dumps({"dem": str(tmp_path), "my-data": f"{tmp_path}/state/.."})
    assert settings_for(paths, {"OGDC_LOCAL_CLAIMS": claims}).worker.allowed_input_claims == (
        "dem",
        "my-data",
    )
    assert read_variable(StackSettings, "claims", {"OGDC_LOCAL_CLAIMS": claims}) == {
        "dem": tmp_path,
        "my-data": tmp_path,
    }
    assert read_variable(StackSettings, "claims", {}) == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("dem=/data", "is not JSON"),
        ('["dem"]', "Give a JSON object"),
        ('{"dem": 1}', "Give a JSON object"),
        ('{"workflow": "/"}', "'workflow' is not a claim name, or that of the stack's own volume"),
        ('{"My Data": "/"}', "'My Data' is not a claim name"),
        ('{"dem": "/nowhere"}', "'/nowhere' .claim dem. is not a directory"),
        ('{"dem": "relative"}', "give its absolute path"),
        ('{"dem": "/etc/passwd"}', "is not a directory"),
    ],
)
def test_what_cannot_stand_for_a_claim_is_refused(value, message):
    with pytest.raises(ConfigurationError, match=message):
        read_variable(StackSettings, "claims", {"OGDC_LOCAL_CLAIMS": value})


def test_a_clusters_settings_do_not_lead_the_stack_astray(paths):
    user = {
        "ACCESS_MODE": "authenticated",
        "OGDC_DB_HOST": "db.example.org",
        "OGDC_DB_PASSWORD": "hunter2",
        "ARGO_WORKFLOWS_SERVICE_URL": "https://argo.example.org",
        "S3_SECRET_KEY_ID": "key",
    }
    assert settings_for(paths, user) == settings_for(paths, {})


def test_empty_variables_count_as_not_set():
    assert passed_on({"DATAONE_NODE_URL": "", "HOME": "/root"}) == {}


@pytest.mark.parametrize("name", ["GDAL_DATA", "R_LIBS", "JAVA_HOME", "CONDA_PREFIX", "PERL5LIB"])
def test_variables_of_programs_are_passed_on_with_own_directories_of_programs(
    name: str, tmp_path: Path
) -> None:
    found = {"PATH": str(tmp_path), name: str(tmp_path)}

    assert passed_on(found) == found
    assert passed_on(found | {"PATH": "/usr/bin"}) == {}


def test_what_is_no_signing_key_is_replaced_and_not_waited_for(paths):
    os.mkfifo(paths.signing_key)
    key = load_signing_key(paths)
    assert load_signing_key(paths) == key


def test_signing_key_is_made_once_and_kept_private(paths):
    key = load_signing_key(paths)
    assert len(key) >= 32
    assert load_signing_key(paths) == key
    assert stat.S_IMODE(paths.signing_key.stat().st_mode) == 0o600


def test_settings_of_logins_are_heeded_where_callers_log_in_and_not_else() -> None:
    logins = {"OGDC_OIDC_ISSUER": "https://login.example.org", "OIDC_CLIENT_SECRETS_FILE": "/not/there"}

    assert passed_on(logins) == {}
    assert passed_on(logins | {"ACCESS_MODE": "authenticated"}) == {}
    authenticated = logins | {"OGDC_LOCAL_ACCESS_MODE": "authenticated"}
    assert passed_on(authenticated) == authenticated


def test_callers_log_in_where_the_stacks_own_setting_says_so(paths) -> None:
    settings = settings_for(paths, {"OGDC_LOCAL_ACCESS_MODE": "authenticated", "OGDC_DEFAULT_ROLE": "none"})

    assert (settings.access_mode, settings.access.default_role) == ("authenticated", "none")


def test_every_setting_of_logins_but_those_of_a_cluster_can_be_given() -> None:
    known = {
        variable.name for section in (AccessSettings, OidcSettings) for _, variable in variables(section)
    }

    assert {*OF_LOGINS} == known - {"OGDC_PUBLIC_URL", "OGDC_EVENT_ISSUERS"}
