"""Settings are read, validated and documented from one definition."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ogdc_shared.config import SECTIONS, Settings, all_sections, unknown_variables
from ogdc_shared.errors import ConfigurationError
from ogdc_shared.variables import variables

VARIABLES = [variable for section in all_sections() for _, variable in variables(section)]


def test_without_any_variable_all_have_their_defaults() -> None:
    assert Settings.from_env({}) == Settings()
    assert Settings.from_env({variable.name: " " for variable in VARIABLES}) == Settings()


def test_names_of_variables_are_unique() -> None:
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)


def test_each_field_is_a_variable_or_a_section() -> None:
    for section in all_sections():
        sections = set(SECTIONS)
        assert {field for field, _ in variables(section)} == set(section._fields) - (
            sections if section is Settings else set()
        )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OGDC_DB_PORT", "0", None),
        ("OGDC_DB_PORT", "5433", 5433),
        ("OGDC_DB_TIMEOUT", "7", 7.0),
        ("ARGO_WORKFLOWS_SERVICE_URL", "https://argo/ ", "https://argo"),
        ("ARGO_VERIFY_TLS", "No", False),
        ("OGDC_UPLOAD_BUCKETS", '["a", "b"]', ("a", "b")),
        ("OGDC_ALLOWED_INPUT_PVCS", '["a", {"claimName": "b"}, {"claim_name": "c"}]', ("a", "b", "c")),
        ("OGDC_PUBLISHED_RIGHTS", "o-rwx", "o-rwx"),
        ("OGDC_STALE_SECONDS", "0", 0.0),
        ("ACCESS_MODE", "open", "open"),
        ("LOG_LEVEL", "debug", "DEBUG"),
    ],
)
def test_a_value_arrives(name: str, value: str, expected: Any) -> None:
    settings = Settings.from_env({name: value})
    held = [
        getattr(part, field)
        for part in (settings, *settings)
        if type(part) in all_sections()
        for field, variable in variables(type(part))
        if variable.name == name
    ]
    assert held == [expected]


def test_networks_are_read() -> None:
    [network] = Settings.from_env({"OGDC_ALLOWED_NETWORKS": '["10.20.0.0/16"]'}).allowed_networks
    assert str(network) == "10.20.0.0/16"


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("OGDC_DB_POOL_SIZE", "0", "give a whole number of at least 1"),
        ("OGDC_DB_TIMEOUT", "soon", "give a whole number of at least 1"),
        ("ARGO_VERIFY_TLS", "perhaps", "give true or false"),
        ("LOG_LEVEL", "loud", "give a level such as INFO"),
        ("ACCESS_MODE", "closed", "give one of authenticated, read_only, open"),
        ("OGDC_UPLOAD_BUCKETS", "uploads", "is not JSON"),
        ("OGDC_UPLOAD_BUCKETS", '{"a": 1}', "give a JSON list"),
        ("OGDC_UPLOAD_BUCKETS", "[1]", r"1 is not a bucket; give a JSON list such as \[\"uploads\"\]"),
        ("OGDC_ALLOWED_INPUT_PVCS", '["A_b"]', r"'A_b' is not a claim name; give a JSON list"),
        ("OGDC_ALLOWED_NETWORKS", '["10.0.0.1/8"]', "10.0.0.1/8 has host bits set; give a JSON list"),
        ("OGDC_PUBLISHED_RIGHTS", "777", "'777' is not a change of rights; give one such as"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_to_give(name: str, value: str, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name}.*{advice}"):
        Settings.from_env({name: value})


def test_variables_that_are_no_settings_are_named_with_what_is_meant() -> None:
    environ = {
        "OGDC_WORKER_MEMROY": "8Gi",
        "OGDC_X": "1",
        "OGDC_WORKER_MEMORY": "8Gi",
        "OGDC_GATEWAY_SERVICE_HOST": "10.0.0.1",
        "OGDC_GATEWAY_PORT_80_TCP_ADDR": "10.0.0.1",
        "PATH": "/bin",
    }
    assert list(unknown_variables(environ)) == [
        "OGDC_WORKER_MEMROY is not a setting; is OGDC_WORKER_MEMORY meant?",
        "OGDC_X is not a setting.",
    ]


@pytest.mark.parametrize("variable", VARIABLES, ids=lambda variable: variable.name)
def test_each_says_what_it_means_and_takes(variable: Any) -> None:
    assert variable.about.endswith(".")
    assert variable.kind.takes
    assert json.dumps(variable.about).isascii()
