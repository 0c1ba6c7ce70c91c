"""Secrets in URLs never appear in a message, a log line or a response."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import InputNotFoundError, InvalidRecipeError
from ogdc_shared.recipe.explain import shown
from ogdc_shared.redact import redact_text, redact_url
from ogdc_worker.report import Reporter, clip, redacted

_SECRET = "S3CRETvalue"
_SECRETS = st.from_regex(r"zQ[A-Za-z0-9._~!$*+-]{6,40}Qz", fullmatch=True)
_PARAMETERS = (
    *("token", "access_token", "X-Amz-Signature", "X-Amz-Credential", "X-Goog-Signature", "sig", "Signature"),
    *("AWSAccessKeyId", "api_key", "apikey", "key", "password", "client_secret", "auth", "Key-Pair-Id"),
    *("subscription-key", "appid"),
)


@given(secret=_SECRETS, parameter=st.sampled_from(_PARAMETERS), upper=st.booleans())
def test_parameters_that_prove_who_asks_are_hidden_wherever_they_stand(
    secret: str, parameter: str, upper: bool
) -> None:
    name = parameter.upper() if upper else parameter
    for url in (
        f"https://host/a/b.tif?{name}={secret}",
        f"https://host/a/b.tif?version=3&{name}={secret}&bbox=1,2#x",
        f"https://host/r?to={quote(f'https://other/x?{name}={secret}&y=1', safe='')}&n=2",
    ):
        shown = redact_text(f"error: '{url}': 404")
        assert secret not in shown
        assert shown.endswith("': 404")
        assert shown.count("host/") == 1


@given(secret=_SECRETS, user=st.from_regex(r"[a-z.]{1,12}", fullmatch=True), slash=st.booleans())
def test_a_password_is_hidden_even_where_it_is_written_badly(secret: str, user: str, slash: bool) -> None:
    password = f"{secret[:4]}/{secret}" if slash else secret
    for scheme in ("http", "https", "ftp"):
        assert secret not in redact_url(f"{scheme}://{user}:{password}@host:8080/x@2.tif?a=b")
    assert secret not in redact_text(quote(f"https://{user}:{secret}@host/x", safe=""))


@pytest.mark.parametrize(
    "line",
    [
        f"PGPASSWORD={_SECRET} psql -h h",
        f"export AWS_SECRET_ACCESS_KEY='{_SECRET}'; aws s3 ls",
        f'ogrinfo "PG:host=h user=a password={_SECRET}"',
        f"wget --http-password={_SECRET} http://h/a",
        f"tool --api-key {_SECRET} a",
        f"curl -sf -u ann:{_SECRET} http://h/a",
        f'curl --user "ann:{_SECRET}" http://h/a',
    ],
)
def test_passwords_in_command_lines_are_hidden(line: str) -> None:
    hidden = redact_text(line)
    assert _SECRET not in hidden
    assert hidden == redact_text(hidden) == line.replace(_SECRET, "***")
    assert str(InvalidRecipeError(line)) == redacted(line) == hidden


@pytest.mark.parametrize("line", ['TOKEN="$T" a http://h', f'TOKEN="{_SECRET}" a', f"a --token {_SECRET}"])
def test_json_stays_json(line: str) -> None:
    assert json.loads(redacted(json.dumps([f'sh -c "{line}"']))) == [redacted(f'sh -c "{line}"')]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a%20b.tif?version=3&bbox=1,2,3,4",
        "https://example.org:8443/@scope/a@2x.png",
        "github://org:repo@main/path",
        "http://[2001:db8::1]:8080/a@b.tif",
        "https://example.org/monkey?monkey=1&design=2",
        "gdal_translate -co COMPRESS=LZW a.tif b.tif",
        'PGPASSWORD="$PW" psql; TOKEN=$(cat x); curl -u "me:$PW" --token $TOKEN --secret "$S" http://h/',
        "max_token=5000/batch token=12345",
        "sample(n_token=512); login(password=pw)\nif token == 'x' or token=='xyz': pass",
        "rsync -u host:a b; date -u +%H:%M; sort --key 2; grep password a; curl -s http://h:80/a:b",
    ],
)
def test_values_that_are_not_secret_are_kept(url: str) -> None:
    assert redact_text(url) == url


@pytest.mark.parametrize("token", ["1/fFAGRNJru1FTz70BzhT3Zg", "54321/secretsecretsecret", "1/abcDEFghijk"])
def test_a_token_that_begins_with_a_number_is_hidden(token: str) -> None:
    assert token not in redact_text(f"export REFRESH_TOKEN={token}")


def test_errors_do_not_repeat_secrets() -> None:
    url = f"http://ann:{_SECRET}@host/x?token={_SECRET}"
    assert _SECRET not in str(InputNotFoundError(f"{url!r} cannot be fetched."))
    invalid = InvalidRecipeError(f"meta.yml: {url}", "another")
    assert _SECRET not in str(invalid) + "".join(invalid.problems)


@given(st.integers(min_value=8, max_value=120))
def test_cutting_a_text_short_does_not_make_a_secret_unrecognizable(width: int) -> None:
    url = f"http://ann:{_SECRET * 12}@host/x"
    assert _SECRET not in clip(f"curl {url}", width)
    assert _SECRET not in shown(url)


def test_the_log_and_the_last_words_do_not_repeat_secrets(
    capfd: pytest.CaptureFixture[str], tmp_path: pytest.TempPathFactory
) -> None:
    reporter = Reporter(last_words_file=f"{tmp_path}/words")
    url = f"http://ann:{_SECRET}@host/x?token={_SECRET}&v=1"
    reporter.event("fetched", source=url, command=f"curl -H 'Authorization: Bearer {_SECRET}' x")
    reporter.last_words(f"{url!r} cannot be fetched")
    line = capfd.readouterr().out
    assert _SECRET not in line
    assert json.loads(line)["source"] == "http://***@host/x?token=***&v=1"
    with open(f"{tmp_path}/words") as words:
        assert words.read() == "'http://***@host/x?token=***&v=1' cannot be fetched"
