from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ogdc_cli.login import device
from ogdc_cli.login.device import DeviceCode, Timing
from ogdc_cli.login.metadata import Issuer, Way, discover
from ogdc_cli.login.tokens import TokenAnswer
from ogdc_cli.login.web import ProviderError, Web
from ogdc_cli.settings import ClientSettings
from support.http import Answer, FileServer, Request

CODE = {
    "device_code": "dc",
    "user_code": "ABCD",
    "verification_uri": "https://issuer/device",
    "expires_in": 60,
}
TOKENS = {"access_token": "at", "token_type": "Bearer", "expires_in": 300, "refresh_token": "rt"}


class Time:
    """A clock that sleeping sets forward."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def timing(self) -> Timing:
        return Timing(lambda: self.now, self.sleep)


class Provider:
    """Answers the polls one after the other, the last for ever."""

    def __init__(self, server: FileServer) -> None:
        self.server = server
        self.code: dict[str, Any] = dict(CODE)
        self.answers: list[Answer] = []
        self.asked: list[dict[str, list[str]]] = []
        server.routes["/device"] = lambda request: self._answer(
            request, Answer(body=json.dumps(self.code).encode())
        )
        server.routes["/token"] = lambda request: self._answer(
            request, self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        )

    def _answer(self, request: Request, answer: Answer) -> Answer:
        from urllib.parse import parse_qs

        self.asked.append(parse_qs(request.body.decode()))
        return answer

    def log_in(self, time: Time, show: Callable[[DeviceCode], None] = lambda _: None) -> TokenAnswer:
        url = self.server.url
        issuer = Issuer(url, f"{url}/token", device_authorization_endpoint=f"{url}/device")
        web = Web(ClientSettings(url, True, Path("/nowhere"), user="me"))
        return device.log_in(web, Way(issuer, "cli", "openid"), show=show, timing=time.timing)


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    with FileServer(tmp_path) as server:
        yield Provider(server)


def refusal(code: str, status: int = 400) -> Answer:
    return Answer(status=status, body=json.dumps({"error": code}).encode())


GRANTED = Answer(body=json.dumps(TOKENS).encode())


def test_the_code_is_shown_before_polling_and_the_verifier_is_sent(
    provider: Provider,
) -> None:
    time, shown = Time(), []
    provider.answers = [GRANTED]

    tokens = provider.log_in(time, lambda code: shown.append((code.user_code, len(provider.asked))))

    assert shown == [("ABCD", 1)]
    assert (tokens.access_token, tokens.refresh_token) == ("at", "rt")
    begun, ended = provider.asked
    assert begun["code_challenge_method"] == ["S256"]
    assert len(ended["code_verifier"][0]) >= 43
    assert ended["device_code"] == ["dc"]


@pytest.mark.parametrize(
    ("interval", "answers", "pauses"),
    [
        (None, ["authorization_pending"], [5, 5]),
        (2, ["authorization_pending", "authorization_pending"], [2, 2, 2]),
        (1, ["slow_down", "authorization_pending", "slow_down"], [1, 6, 6, 11]),
        (0, ["authorization_pending"], [1, 1]),
        (5, [None, None], [5, 10, 20]),  # the provider is away for a moment
    ],
)
def test_polling_follows_the_interval_of_the_provider(
    provider: Provider, interval: int | None, answers: list[str | None], pauses: list[int]
) -> None:
    time = Time()
    if interval is not None:
        provider.code["interval"] = interval
    provider.answers = [refusal(code) if code else Answer(status=502) for code in answers] + [GRANTED]

    provider.log_in(time)

    assert time.slept == pauses


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("access_denied", "was refused"),
        ("expired_token", "code expired"),
        ("invalid_client", "invalid_client"),
    ],
)
def test_a_permanent_error_ends_the_device_grant(provider: Provider, code: str, words: str) -> None:
    provider.answers = [refusal("authorization_pending"), refusal(code)]

    with pytest.raises(ProviderError, match=words):
        provider.log_in(Time())
    assert len(provider.asked) == 3


def test_polling_ends_when_the_code_expires(provider: Provider) -> None:
    time = Time()
    provider.answers = [refusal("authorization_pending")]

    with pytest.raises(ProviderError, match="The code ABCD was not confirmed in time"):
        provider.log_in(time)
    assert time.now == CODE["expires_in"]


@pytest.mark.parametrize(
    "where", ["http://issuer.example.org/device", "javascript:alert(1)", "file:///etc/passwd"]
)
def test_unsafe_verification_addresses_are_rejected(provider: Provider, where: str) -> None:
    provider.code["verification_uri_complete"] = where

    with pytest.raises(ProviderError, match="not an https URL"):
        provider.log_in(Time(), lambda code: pytest.fail("it was shown"))


def web(url: str) -> Web:
    return Web(ClientSettings(url, True, Path("/nowhere"), user="me"))


def describe(server: FileServer, **document: Any) -> None:
    whole = {"issuer": server.url, "token_endpoint": f"{server.url}/token"} | document
    server.routes["/.well-known/openid-configuration"] = lambda _: Answer(body=json.dumps(whole).encode())


def test_an_issuer_must_match_its_metadata(provider: Provider) -> None:
    url = provider.server.url
    describe(provider.server)
    assert discover(web(url), url).token_endpoint == f"{url}/token"

    describe(provider.server, issuer="https://another.example.org")
    with pytest.raises(ProviderError, match="names another issuer"):
        discover(web(url), url)


@pytest.mark.parametrize(
    "document",
    [
        {"token_endpoint": "http://issuer.example.org/token"},
        {"device_authorization_endpoint": "ftp://x/"},
        {"authorization_endpoint": "https://user:word@x/"},
        {"revocation_endpoint": "https://x/\n"},
        {"token_endpoint": None},
        {"token_endpoint": 1},
    ],
)
def test_unsafe_endpoints_are_rejected(provider: Provider, document: dict[str, Any]) -> None:
    describe(provider.server, **document)

    with pytest.raises(ProviderError):
        discover(web(provider.server.url), provider.server.url)


def test_an_issuer_without_https_is_never_contacted() -> None:
    with pytest.raises(ProviderError, match="not an https URL"):
        discover(web("https://x"), "http://issuer.example.org")


def test_no_redirect_is_followed(provider: Provider) -> None:
    elsewhere = f"{provider.server.url}/elsewhere"
    provider.server.routes["/.well-known/openid-configuration"] = lambda _: Answer(
        status=302, headers={"Location": elsewhere}
    )

    with pytest.raises(ProviderError, match="is not followed"):
        discover(web(provider.server.url), provider.server.url)
    assert "/elsewhere" not in provider.server.paths()


def test_an_endless_response_is_not_read(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ogdc_cli.login.web._MAX_BYTES", 1000)
    describe(provider.server, more="x" * 1001)

    with pytest.raises(ProviderError, match="answers with more than"):
        discover(web(provider.server.url), provider.server.url)


def test_a_missing_response_times_out(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ogdc_cli.login.web._SECONDS", 0.0)
    describe(provider.server)
    provider.server.stall_after = 1

    with pytest.raises(ProviderError, match="it takes too long") as found:
        discover(web(provider.server.url), provider.server.url)
    assert found.value.passing
