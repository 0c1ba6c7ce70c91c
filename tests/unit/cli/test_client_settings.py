from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_cli.settings import ClientSettings
from ogdc_shared.errors import ConfigurationError

PRODUCTION = "https://ogdc.dataone.org/api"


def read(tmp_path: Path, **environ: str) -> ClientSettings:
    return ClientSettings.from_env({"OGDC_STATE_DIR": str(tmp_path / "none")} | environ)


@pytest.mark.parametrize(
    ("environ", "url", "verified", "by_default"),
    [
        ({}, PRODUCTION, True, True),
        ({"ENVIRONMENT": "prod"}, PRODUCTION, True, False),
        ({"ENVIRONMENT": "dev"}, "https://ogdc.test.dataone.org/api", True, False),
        ({"ENVIRONMENT": "local"}, "https://localhost:7443/api", False, False),
        ({"OGDC_API_URL": "http://host:1/api/"}, "http://host:1/api", True, False),
        ({"OGDC_API_URL": "http://host", "ENVIRONMENT": "dev"}, "http://host", True, False),
    ],
)
def test_deployment_is_chosen_as_the_existing_client_does(
    tmp_path: Path, environ: dict[str, str], url: str, verified: bool, by_default: bool
) -> None:
    settings = read(tmp_path, **environ)
    assert (settings.api_url, settings.verify_tls, settings.by_default) == (url, verified, by_default)


@pytest.mark.parametrize("url", ["host:80", "ftp://host", "//host", " "])
def test_an_invalid_url_is_rejected(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="OGDC_API_URL"):
        read(tmp_path, OGDC_API_URL=url)


@pytest.mark.parametrize("user", ["Łukasz", "a\nb", "a\x00"])
def test_a_user_name_that_is_not_valid_in_a_header_is_rejected(tmp_path: Path, user: str) -> None:
    with pytest.raises(ConfigurationError, match="OGDC_USER"):
        read(tmp_path, OGDC_USER=user)


def test_an_account_name_is_converted_for_the_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "jürgen")
    assert read(tmp_path).user == "j?rgen"


def test_an_account_without_a_name_is_identified_by_its_uid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert read(tmp_path).user.isdecimal()


def test_certificate_variables_of_other_clients_are_used(tmp_path: Path) -> None:
    assert read(tmp_path).ca_file is None
    assert read(tmp_path, REQUESTS_CA_BUNDLE="/a.pem").ca_file == "/a.pem"
    assert read(tmp_path, REQUESTS_CA_BUNDLE="/a.pem", SSL_CERT_FILE="/b.pem").ca_file == "/b.pem"


def test_the_line_break_after_the_environments_token_is_removed(tmp_path: Path) -> None:
    assert read(tmp_path, OGDC_TOKEN="given\n").token == "given"
    assert read(tmp_path, OGDC_TOKEN=" ").token is None


@pytest.mark.parametrize("token", ["a\nb", "é"])
def test_an_environment_token_that_is_not_valid_in_a_header_is_rejected(tmp_path: Path, token: str) -> None:
    with pytest.raises(ConfigurationError, match="OGDC_TOKEN contains"):
        read(tmp_path, OGDC_TOKEN=token)


def test_a_token_for_a_deployment_is_not_sent_to_the_local_stack(tmp_path: Path) -> None:
    named = read(tmp_path, OGDC_API_URL="https://host/api", OGDC_TOKEN="t").at_stack("http://127.0.0.1:1")
    alone = read(tmp_path, OGDC_TOKEN="t").at_stack("http://127.0.0.1:1")

    assert (named.api_url, named.token) == ("http://127.0.0.1:1", None)
    assert alone.token == "t"
