from __future__ import annotations

import json
from pathlib import Path

import pytest

from ogdc_cli.settings import ClientSettings, load_tokens, save_tokens
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
def test_url_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="OGDC_API_URL"):
        read(tmp_path, OGDC_API_URL=url)


@pytest.mark.parametrize("user", ["Łukasz", "a\nb", "a\x00"])
def test_user_name_that_fits_no_header_is_refused(tmp_path: Path, user: str) -> None:
    with pytest.raises(ConfigurationError, match="OGDC_USER"):
        read(tmp_path, OGDC_USER=user)


def test_account_name_is_made_to_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "jürgen")
    assert read(tmp_path).user == "j?rgen"


def test_account_without_a_name_is_known_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert read(tmp_path).user.isdecimal()


def test_certificates_of_other_clients_are_taken(tmp_path: Path) -> None:
    assert read(tmp_path).ca_file is None
    assert read(tmp_path, REQUESTS_CA_BUNDLE="/a.pem").ca_file == "/a.pem"
    assert read(tmp_path, REQUESTS_CA_BUNDLE="/a.pem", SSL_CERT_FILE="/b.pem").ca_file == "/b.pem"


def test_tokens_come_back_as_they_were_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tokens.json"
    assert load_tokens(path) == {}
    save_tokens(path, {"access_token": "abc"})
    assert load_tokens(path) == {"access_token": "abc"}
    assert read(tmp_path, TOKEN_CACHE_FILE=str(path)).access_token() == "abc"
    assert [file.name for file in path.parent.iterdir()] == ["tokens.json"]


@pytest.mark.parametrize("content", ["{", "\xff", '{"access_token": "a\\nb"}', '{"access_token": ""}'])
def test_token_file_that_cannot_be_used_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"tokens\.json.*set-token"):
        read(tmp_path, TOKEN_CACHE_FILE=str(path)).access_token()


@pytest.mark.parametrize("content", ["[]", "null", "{}", json.dumps({"refresh_token": "x"})])
def test_token_file_without_a_token_is_no_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(content)
    assert read(tmp_path, TOKEN_CACHE_FILE=str(path)).access_token() is None


def test_token_of_the_environment_goes_first_without_its_line_break(tmp_path: Path) -> None:
    save_tokens(tmp_path / "tokens.json", {"access_token": "stored"})
    stored = {"TOKEN_CACHE_FILE": str(tmp_path / "tokens.json")}

    assert read(tmp_path, OGDC_TOKEN="given\n", **stored).access_token() == "given"
    assert read(tmp_path, OGDC_TOKEN="", **stored).access_token() == "stored"


@pytest.mark.parametrize("token", ["a\nb", "é"])
def test_token_of_the_environment_that_fits_no_header_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(ConfigurationError, match="OGDC_TOKEN holds"):
        read(tmp_path, OGDC_TOKEN=token)
