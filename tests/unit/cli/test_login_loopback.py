from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from ogdc_cli.login import loopback
from ogdc_cli.login.metadata import Issuer, Way
from ogdc_cli.login.tokens import TokenAnswer
from ogdc_cli.login.web import ProviderError, Web
from ogdc_cli.settings import ClientSettings
from support.http import Answer, FileServer, Request

Browser = Callable[[str, dict[str, str]], None]
"""Gets where to come back to, and what the command asked for."""


def get(url: str, query: dict[str, str], headers: dict[str, str] | None = None) -> tuple[int, str]:
    asked = urllib.request.Request(f"{url}?{urlencode(query)}", headers=headers or {})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(tmp_path) as server:
        yield server


class Login:
    """A login whose browser is a function in a thread of its own."""

    def __init__(self, server: FileServer, **issuer: Any) -> None:
        url = server.url
        self.server = server
        self.form: dict[str, list[str]] = {}
        self.issuer = Issuer(url, f"{url}/token", authorization_endpoint=f"{url}/auth", **issuer)
        server.routes["/token"] = self._token

    def _token(self, request: Request) -> Answer:
        self.form = parse_qs(request.body.decode())
        return Answer(body=json.dumps({"access_token": "at", "token_type": "bearer"}).encode())

    def go(self, browser: Browser, *, seconds: float = 300) -> TokenAnswer:
        threads: list[Thread] = []

        def show(url: str) -> None:
            asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
            threads.append(Thread(target=browser, args=(asked["redirect_uri"], asked)))
            threads[0].start()

        web = Web(ClientSettings(self.server.url, True, Path("/nowhere"), user="me"))
        try:
            return loopback.log_in(web, Way(self.issuer, "cli", "openid"), show=show, seconds=seconds)
        finally:
            threads[0].join()


def test_the_code_is_exchanged_with_the_proof_and_the_same_address(server: FileServer) -> None:
    login, asked_for = Login(server), {}

    def browser(back: str, asked: dict[str, str]) -> None:
        asked_for.update(asked)
        get(back, {"code": "c", "state": asked["state"]})

    assert login.go(browser).access_token == "at"
    assert login.form["code"] == ["c"]
    assert login.form["redirect_uri"] == [asked_for["redirect_uri"]]
    assert asked_for["redirect_uri"].startswith("http://127.0.0.1:")
    assert asked_for["code_challenge_method"] == "S256"
    assert login.form["code_verifier"] != [asked_for["code_challenge"]]


def test_responses_of_other_logins_are_ignored(server: FileServer) -> None:
    login, statuses = Login(server), []

    def browser(back: str, asked: dict[str, str]) -> None:
        good = {"code": "c", "state": asked["state"]}
        tries: list[tuple[str, dict[str, str], dict[str, str]]] = [
            (back, {"code": "evil", "state": "guessed"}, {}),
            (back, {"code": "evil"}, {}),
            (back, {"code": "evil", "state": "é"}, {}),
            (back.replace("/callback", "/"), good, {}),
            (back.replace("/callback", "/callback/"), good, {}),
            (back, good, {"Host": "evil.example.org"}),
            (back, good, {}),
        ]
        statuses.extend(get(url, query, headers)[0] for url, query, headers in tries)

    login.go(browser)
    assert statuses == [404] * 6 + [200]
    assert login.form["code"] == ["c"]


def test_a_silent_connection_does_not_block_the_login(server: FileServer) -> None:
    login, kept = Login(server), []

    def browser(back: str, asked: dict[str, str]) -> None:
        parts = urlsplit(back)
        kept.append(socket.create_connection((str(parts.hostname), int(parts.port or 0))))
        get(back, {"code": "c", "state": asked["state"]})
        kept[0].close()

    assert login.go(browser).access_token == "at"


def test_the_response_page_shows_nothing_of_the_request(server: FileServer) -> None:
    pages: list[str] = []

    def browser(back: str, asked: dict[str, str]) -> None:
        for query in (
            {"code": "<script>c</script>"},
            {"code": "<script>c</script>", "state": asked["state"]},
        ):
            pages.append(get(back, query)[1])

    Login(server).go(browser)
    assert len(pages) == 2
    assert not any("<script>" in page or "state" in page for page in pages)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "access_denied", "error_description": "no\x1b[31m\nno"}, "access_denied no"),
        ({}, "does not say why"),
        ({"code": "c", "iss": "https://another.example.org"}, "was not redirected by"),
    ],
)
def test_an_error_response_ends_the_login(server: FileServer, answer: dict[str, str], words: str) -> None:
    with pytest.raises(ProviderError, match=words):
        Login(server).go(lambda back, asked: get(back, answer | {"state": asked["state"]}) and None)


def test_an_announced_iss_parameter_is_required(server: FileServer) -> None:
    login = Login(server, authorization_response_iss_parameter_supported=True)

    with pytest.raises(ProviderError, match="was not redirected by"):
        login.go(lambda back, asked: get(back, {"code": "c", "state": asked["state"]}) and None)
    login.go(
        lambda back, asked: get(back, {"code": "c", "state": asked["state"], "iss": server.url}) and None
    )


def test_waiting_for_the_browser_is_limited(server: FileServer) -> None:
    with pytest.raises(ProviderError, match="was not completed in time"):
        Login(server).go(lambda back, asked: None, seconds=0)


def test_the_port_is_closed_afterwards(server: FileServer) -> None:
    Login(server).go(lambda back, asked: get(back, {"code": "c", "state": asked["state"]}) and None)

    assert "loopback" not in {thread.name for thread in threading.enumerate()}
