"""Logging in at a real provider, by real commands."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest

from ogdc_cli.login.logins import key_of
from support.effort import THOROUGH
from support.http import Answer
from support.logins import Command, Deployment, User, command_lines
from support.oidc_provider import CLI_CLIENT, OidcProvider
from support.stack import PROGRAM, wait_until

COMMANDS_AT_ONCE = 20 if THOROUGH else 8


@pytest.fixture(scope="module")
def shared_provider() -> Iterator[OidcProvider]:
    with OidcProvider() as provider:
        yield provider


@pytest.fixture
def provider(request: pytest.FixtureRequest) -> Iterator[OidcProvider]:
    """The provider: one for all tests, or one of a test's own with the settings that it gives."""
    if hasattr(request, "param"):
        with OidcProvider(**request.param) as provider:
            yield provider
    else:
        yield request.getfixturevalue("shared_provider")


OWN_PROVIDER = pytest.mark.parametrize("provider", [{}], indirect=True, ids=["own"])
"""For tests that stop it."""


@pytest.fixture
def deployment(tmp_path: Path, provider: OidcProvider) -> Iterator[Deployment]:
    with Deployment(tmp_path, issuer=provider.issuer) as deployment:
        yield deployment


@pytest.fixture
def user(tmp_path: Path, deployment: Deployment) -> User:
    return User(tmp_path / "home", deployment.url)


Start = Callable[..., Command]


@pytest.fixture
def start(user: User) -> Iterator[Start]:
    """Start an `ogdc-runner`; what has not ended by the end of the test is killed."""
    with ExitStack() as stack:
        yield lambda *arguments, **environ: stack.enter_context(Command(user, *arguments, **environ))


def test_login_by_a_code_then_use_then_logout(
    start: Start, user: User, provider: OidcProvider, deployment: Deployment
) -> None:
    command = start("login", "--no-browser")
    line = command.line_with("enter the code")
    provider.approve(line.split()[-1])
    running = command_lines()
    done = command.ended()

    assert done.code == 0, done
    assert f"Open {provider.issuer}/device in any browser" in line
    assert "Logged in to" in done.out
    assert "Ada, submitter" in done.out
    tokens = [user.login.access_token, user.login.refresh_token]
    assert deployment.shown == [tokens[0]]
    for token in filter(None, tokens):
        assert token not in done.out + done.err
        assert token.encode() not in running

    assert user.cli("token").out == f"{tokens[0]}\n"
    assert json.loads(user.cli("whoami", "--json").out)["subject"] == "ada"
    assert user.cli("logout").out == f"Logged out of {deployment.url}.\n"
    refused = provider.post(
        "/token", {"grant_type": "refresh_token", "client_id": "ogdc-cli", "refresh_token": tokens[1] or ""}
    )
    assert refused["error"] == "invalid_grant"
    assert key_of(deployment.url) not in user.store.read().deployments
    assert user.cli("token").code == 1


def test_the_token_file_is_private(start: Start, user: User, provider: OidcProvider) -> None:
    user.file.parent.mkdir(parents=True)
    user.file.parent.chmod(0o755)
    command = start("login", "--no-browser", PYTHONUNBUFFERED="1")
    provider.approve(command.line_with("enter the code").split()[-1])
    assert command.ended().code == 0

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in user.file.parent.iterdir()}
    assert modes == {"tokens.json": 0o600, "tokens.json.lock": 0o600}
    assert stat.S_IMODE(user.file.parent.stat().st_mode) == 0o700


def test_a_rejected_login_stores_nothing(start: Start, user: User, provider: OidcProvider) -> None:
    command = start("login", "--no-browser")
    provider.approve(command.line_with("enter the code").split()[-1], deny=True)
    done = command.ended()

    assert done.code == 1
    assert "The login was refused" in done.err
    assert not user.file.exists()


BROWSER_CLIENT = {**CLI_CLIENT, "grant_types": ["authorization_code", "refresh_token"]}


@pytest.mark.parametrize("provider", [{"device": False, "clients": [BROWSER_CLIENT]}], indirect=True)
def test_login_uses_a_browser_without_a_device_grant(
    start: Start, user: User, provider: OidcProvider, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {shlex.quote(str(opened))}.part\n'
        f"mv {shlex.quote(str(opened))}.part {shlex.quote(str(opened))}\n"
    )
    browser.chmod(0o755)
    command = start("login", BROWSER=str(browser))
    url = command.line_with("Open this in a browser").split()[-1]
    wait_until(opened.exists)

    assert opened.read_text() == f"{url}\n"
    assert "You can close this window" in provider.visit(url)
    done = command.ended()
    assert done.code == 0, done
    assert user.cli("whoami").code == 0


def test_concurrent_commands_renew_a_token_once(
    start: Start, user: User, provider: OidcProvider, deployment: Deployment
) -> None:
    old = provider.tokens()
    deployment.accepts = lambda token: token not in {"", old["access_token"]}
    user.keep(old, issuer=provider.issuer, seconds=-1)
    before = provider.requests().count("POST /token")
    commands = [start("whoami", "--json") for _ in range(COMMANDS_AT_ONCE)]

    done = [command.ended() for command in commands]

    assert [each.code for each in done] == [0] * COMMANDS_AT_ONCE, [each.err for each in done if each.code]
    assert provider.requests().count("POST /token") == before + 1
    assert set(deployment.shown) == {user.login.access_token}
    assert user.login.refresh_token not in {None, old["refresh_token"]}


@OWN_PROVIDER
def test_a_login_is_kept_while_its_provider_is_unreachable(
    user: User, provider: OidcProvider, deployment: Deployment
) -> None:
    old = provider.tokens()
    deployment.accepts = lambda token: token not in {"", old["access_token"]}
    user.keep(old, issuer=provider.issuer, seconds=-1)
    before = user.file.read_bytes()
    provider.stop()

    done = user.cli("whoami")

    assert done.code == 1
    assert "the provider cannot be reached" in done.err
    assert user.file.read_bytes() == before


def test_a_login_whose_refresh_token_was_used_elsewhere_ends_with_a_message(
    user: User, provider: OidcProvider, deployment: Deployment
) -> None:
    old = provider.tokens()
    deployment.accepts = lambda token: False
    user.keep(old, issuer=provider.issuer, seconds=-1)
    form = {"grant_type": "refresh_token", "client_id": "ogdc-cli", "refresh_token": old["refresh_token"]}
    assert "access_token" in provider.post("/token", form)

    done = user.cli("whoami")

    assert done.code == 1
    assert "has ended" in done.err
    assert "ogdc-runner login" in done.err


def test_pasted_tokens_are_read_from_stdin(user: User, deployment: Deployment) -> None:
    shown = {
        "message": "Copy this.",
        "token": {"access_token": "pasted-access", "refresh_token": "pasted-refresh"},
    }
    done = subprocess.run(
        [*PROGRAM, "login", "--paste"],
        env=user.environ,
        input=json.dumps(shown, indent=1),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done
    assert deployment.shown == ["pasted-access"]
    assert (user.login.access_token, user.login.refresh_token) == ("pasted-access", "pasted-refresh")
    assert "pasted-" not in done.stdout + done.stderr
    assert "deleted here" in user.cli("logout").out


def test_a_terminal_takes_tokens_longer_than_its_lines_and_shows_none(user: User) -> None:
    token = "t" * 6000
    leader, follower = os.openpty()
    echoed: list[bytes] = []

    def read_echo() -> None:
        try:
            while data := os.read(leader, 1 << 16):
                echoed.append(data)
        except OSError:  # nobody has the other side any more
            return

    command = subprocess.Popen(
        [*PROGRAM, "login", "--paste"],
        env=dict(user.environ),
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    os.close(follower)
    reader = Thread(target=read_echo)
    reader.start()
    try:
        assert command.stderr is not None
        prompt = command.stderr.readline()
        for start in range(0, len(token), 1000):
            os.write(leader, token[start : start + 1000].encode())
        os.write(leader, b"\n")
        out, err = command.communicate(timeout=300)
    finally:
        command.kill()
        command.communicate()
        reader.join()
        os.close(leader)

    assert "Paste the token" in prompt
    assert command.returncode == 0, (out, err)
    assert user.login.access_token == token
    assert b"ttt" not in b"".join(echoed)


def test_texts_of_a_provider_are_escaped_on_the_terminal(
    user: User, deployment: Deployment, provider: OidcProvider
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e\r\nError: forged"
    url = deployment.url.removesuffix("/api")
    deployment.metadata["authorization_servers"] = [url]
    discovery = {
        "issuer": url,
        "token_endpoint": f"{url}/token",
        "device_authorization_endpoint": f"{url}/device",
    }
    code = {
        "device_code": "d",
        "user_code": evil,
        "verification_uri": f"{url}/x",
        "expires_in": 60,
        "interval": 1,
    }
    refusal = {"error": "invalid_request", "error_description": evil}
    deployment.routes["/.well-known/openid-configuration"] = lambda _: Answer(
        body=json.dumps(discovery).encode()
    )
    deployment.routes["/device"] = lambda _: Answer(body=json.dumps(code).encode())
    deployment.routes["/token"] = lambda _: Answer(status=400, body=json.dumps(refusal).encode())

    done = user.cli("login", "--no-browser")

    assert done.code == 1
    assert not set("\x1b\x07\u202e\r") & set(done.out + done.err)
    assert not [line for line in (done.out + done.err).splitlines() if line.startswith("Error: forged")]


def test_login_reports_a_deployment_without_authentication(user: User, tmp_path: Path) -> None:
    done = user.cli("login", OGDC_API_URL=user.url.removesuffix("/api"))

    assert done.code == 1
    assert "does not say where to log in" in done.err


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_an_interrupted_login_stores_nothing(start: Start, user: User, number: str) -> None:
    import signal

    command = start("login", "--no-browser")
    command.line_with("enter the code")
    command.process.send_signal(signal.Signals[number])

    assert command.ended().code in {130, 143}
    assert not user.file.exists()


@OWN_PROVIDER
def test_logout_removes_the_login_even_if_the_provider_is_unreachable(
    user: User, provider: OidcProvider
) -> None:
    user.keep(provider.tokens(), issuer=provider.issuer)
    provider.stop()

    done = user.cli("logout")

    assert done.code == 1
    assert "deleted here" in done.err
    assert "could not be revoked" in done.err
    assert key_of(user.url) not in user.store.read().deployments
