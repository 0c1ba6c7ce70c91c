"""Which token goes where."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_cli.login import renewal
from ogdc_cli.login.credentials import UserCredentials, check_destination
from ogdc_cli.login.logins import Login, key_of
from ogdc_cli.login.session import keep_pasted
from ogdc_cli.login.store import LoginStore
from ogdc_cli.login.web import ProviderError
from ogdc_cli.settings import ClientSettings
from ogdc_cli.transport import ApiError, Transport
from ogdc_shared.api.answers import VersionResponse
from ogdc_shared.errors import ConfigurationError
from support.http import Answer, FileServer, Request

VERSION = Answer(body=b'{"ogdc_runner_version": "1"}')


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(tmp_path) as server:
        server.routes["/version"] = server.routes["/api/version"] = lambda _: VERSION
        yield server


def read(tmp_path: Path, url: str | None, **environ: str) -> ClientSettings:
    named = {} if url is None else {"OGDC_API_URL": url}
    own = {
        "OGDC_STATE_DIR": str(tmp_path / "none"),
        "TOKEN_CACHE_FILE": str(tmp_path / "kept" / "tokens.json"),
    }
    return ClientSettings.from_env(own | named | environ)


def ask(settings: ClientSettings) -> None:
    Transport(settings).call("GET", "/version", VersionResponse)


def shown(server: FileServer) -> list[str | None]:
    return [request.headers["Authorization"] for request in server.requests]


def test_a_token_is_used_only_for_its_deployment(tmp_path: Path, server: FileServer) -> None:
    mine, other_path = (read(tmp_path, f"{server.url}{path}") for path in ("/api/", ""))
    keep_pasted(mine, access="abc", refresh=None)
    with FileServer(tmp_path) as other:
        other.routes["/api/version"] = lambda _: VERSION
        other_host = read(tmp_path, f"{other.url}/api")
        for settings in (mine, other_path, other_host):
            ask(settings)

        assert shown(server) == ["Bearer abc", None]
        assert shown(other) == [None]


def test_a_redirect_to_another_origin_does_not_get_the_token(tmp_path: Path, server: FileServer) -> None:
    settings = read(tmp_path, f"{server.url}/api")
    keep_pasted(settings, access="abc", refresh=None)
    with FileServer(tmp_path) as other:
        other.routes["/version"] = lambda _: Answer(status=401, body=b'{"detail": "Who are you?"}')
        leads = Answer(status=307, headers={"Location": f"{other.url}/version"})
        server.routes["/api/version"] = lambda _: leads

        with pytest.raises(ApiError, match=rf"leads to {other.url}/version, which gets no token"):
            ask(settings)
        assert shown(server) == ["Bearer abc"]
        assert shown(other) == [None]


def test_a_redirect_within_the_origin_gets_the_token(tmp_path: Path, server: FileServer) -> None:
    settings = read(tmp_path, f"{server.url}/api")
    keep_pasted(settings, access="abc", refresh=None)
    server.routes["/api/version"] = lambda _: Answer(status=307, headers={"Location": "/version"})

    ask(settings)
    assert shown(server) == ["Bearer abc"] * 2


def test_the_environments_token_takes_precedence_for_its_deployment(
    tmp_path: Path, server: FileServer
) -> None:
    keep_pasted(read(tmp_path, server.url), access="abc", refresh=None)
    ask(read(tmp_path, server.url, OGDC_TOKEN="given"))

    assert shown(server) == ["Bearer given"]
    with pytest.raises(ConfigurationError, match="nothing says which deployment"):
        UserCredentials(read(tmp_path, None, OGDC_TOKEN="given")).token()
    assert UserCredentials(read(tmp_path, None, ENVIRONMENT="dev", OGDC_TOKEN="given")).token() == "given"


def test_tokens_in_the_old_format_belong_to_the_first_deployment(
    tmp_path: Path, server: FileServer, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "kept" / "tokens.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"access_token": "abc", "refresh_token": "def"}))
    first, second = read(tmp_path, f"{server.url}/api"), read(tmp_path, server.url)

    assert UserCredentials(first).token() == "abc"
    assert f"is kept for {server.url}/api from now on" in capsys.readouterr().err
    assert UserCredentials(second).token() is None
    assert UserCredentials(first).token() == "abc"
    assert capsys.readouterr().err == ""
    assert file.stat().st_mode & 0o777 == 0o600


def test_tokens_in_the_old_format_are_not_used_for_a_local_stack(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "tokens.json"
    file.parent.mkdir()
    file.write_text('{"access_token": "abc"}')

    stack = read(tmp_path, None).at_stack("http://127.0.0.1:1")
    assert UserCredentials(stack).token() is None
    with pytest.raises(ConfigurationError, match="stack on this machine"):
        keep_pasted(stack, access="def", refresh=None)
    assert json.loads(file.read_text()) == {"access_token": "abc"}


@pytest.mark.parametrize(
    "url", ["http://example.org", "http://10.0.0.1:8080/api", "http://localhost.example.org"]
)
def test_tokens_are_not_sent_unencrypted(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="not an https URL"):
        keep_pasted(read(tmp_path, url), access="abc", refresh=None)
    with pytest.raises(ConfigurationError, match="not an https URL"):
        UserCredentials(read(tmp_path, url, OGDC_TOKEN="given")).token()
    check_destination(read(tmp_path, url, OGDC_PLAIN_HTTP="true"))
    assert UserCredentials(read(tmp_path, url)).token() is None, "without a token nothing is refused"


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://127.0.0.1:1", "http://localhost", "http://[::1]:1"]
)
def test_tokens_are_sent_by_https_or_to_this_machine(tmp_path: Path, url: str) -> None:
    assert UserCredentials(read(tmp_path, url, OGDC_TOKEN="given")).token() == "given"


def refuse_old_tokens(request: Request) -> Answer:
    if request.headers["Authorization"] == "Bearer new":
        return VERSION
    return Answer(status=401, body=b'{"detail": "This token is refused."}')


def keep(settings: ClientSettings, **fields: object) -> LoginStore:
    store = LoginStore(settings.token_file)
    with store.changing() as change:
        change.logins.deployments[key_of(settings.api_url)] = Login(**fields)  # type: ignore[arg-type]
        change.keep()
    return store


def test_tokens_are_renewed_by_the_deployment_if_it_offers_that(tmp_path: Path, server: FileServer) -> None:
    settings = read(tmp_path, server.url)
    keep_pasted(settings, access="old", refresh="def")
    server.routes["/version"] = refuse_old_tokens
    server.routes["/refresh"] = lambda request: Answer(
        body=b'{"message": "renewed", "token": {"access_token": "new", "refresh_token": "ghi"}}'
    )

    ask(settings)

    [refresh] = [request for request in server.requests if request.path == "/refresh"]
    assert json.loads(refresh.body) == {"refresh_token": "def"}
    assert refresh.headers["Authorization"] is None
    login = LoginStore(settings.token_file).read().deployments[key_of(server.url)]
    assert (login.access_token, login.refresh_token) == ("new", "ghi")


def test_a_refresh_token_alone_suffices_as_a_login(tmp_path: Path, server: FileServer) -> None:
    settings = read(tmp_path, server.url)
    keep_pasted(settings, access=None, refresh="def")
    server.routes["/refresh"] = lambda _: Answer(body=b'{"access_token": "new"}')

    ask(settings)
    assert shown(server) == [None, "Bearer new"]


def test_a_token_renewed_by_another_command_is_used(tmp_path: Path, server: FileServer) -> None:
    settings = read(tmp_path, server.url)
    keep(settings, access_token="old", refresh_token="def")
    server.routes["/version"] = refuse_old_tokens
    transport = Transport(settings)
    with pytest.raises(ApiError, match="has ended"):  # nobody renews it; but it has been read
        transport.call("GET", "/version", VersionResponse)
    keep(settings, access_token="new", refresh_token="ghi")

    transport.call("GET", "/version", VersionResponse)
    assert shown(server)[-1] == "Bearer new"


def test_a_rejected_renewal_checks_for_a_renewal_by_another_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = read(tmp_path, "https://host/api")
    store = keep(settings, access_token="old", refresh_token="def")
    seen = store.read().deployments[key_of(settings.api_url)]

    def lose(*_: object) -> Login:  # to a program that heeds no lock
        other = {
            "deployments": {key_of(settings.api_url): {"access_token": "theirs", "refresh_token": "ghi"}}
        }
        store.path.write_text(json.dumps(other))
        raise ProviderError("used already", code="invalid_grant")

    monkeypatch.setattr(renewal, "_ask", lose)
    from ogdc_cli.login.web import Web

    assert renewal.renewed(Web(settings), store, key_of(settings.api_url), seen=seen).access_token == "theirs"
    assert "theirs" in store.path.read_text()


def test_a_rejected_renewal_keeps_the_login(tmp_path: Path, server: FileServer) -> None:
    settings = read(tmp_path, server.url)
    store = keep(settings, access_token="old", refresh_token="def")
    before = store.path.read_bytes()
    server.routes["/version"] = refuse_old_tokens
    server.routes["/refresh"] = lambda _: Answer(status=400, body=b'{"error": "invalid_grant"}')

    with pytest.raises(ApiError, match=r"has ended: .*invalid_grant.*Log in again: ogdc-runner login"):
        ask(settings)
    assert store.path.read_bytes() == before


def test_an_unreachable_provider_keeps_the_login(tmp_path: Path, server: FileServer) -> None:
    settings = read(tmp_path, server.url)
    store = keep(
        settings,
        access_token="old",
        refresh_token="def",
        issuer="http://127.0.0.1:9",
        expires_at=time.time() - 1,
    )
    before = store.path.read_bytes()
    server.routes["/version"] = refuse_old_tokens

    with pytest.raises(
        ApiError, match=r"cannot be reached: http://127.0.0.1:9 does not answer.*The login is kept"
    ) as found:
        ask(settings)
    assert found.value.passing
    assert store.path.read_bytes() == before


def test_an_expired_token_is_ignored_without_authentication(tmp_path: Path, server: FileServer) -> None:
    settings = read(tmp_path, server.url)
    keep(settings, access_token="old", expires_at=1.0)

    ask(settings)
    assert shown(server) == ["Bearer old"]
    with pytest.raises(ConfigurationError, match=r"has ended\. Log in again"):
        UserCredentials(settings).valid_token()


def test_a_token_rejected_twice_is_not_renewed_again(tmp_path: Path, server: FileServer) -> None:
    settings = read(tmp_path, server.url)
    keep_pasted(settings, access="old", refresh="def")
    server.routes["/version"] = lambda _: Answer(status=401, body=b'{"detail": "No."}')
    server.routes["/refresh"] = lambda _: Answer(body=b'{"access_token": "another"}')

    with pytest.raises(ApiError, match=r"No\. Log in again"):
        ask(settings)
    assert server.paths() == ["/version", "/refresh", "/version"]


@pytest.mark.parametrize(
    ("settings", "advice"),
    [({}, "Log in: ogdc-runner login"), ({"OGDC_TOKEN": "given"}, "The token is that of OGDC_TOKEN.")],
)
def test_a_rejected_token_is_reported_with_what_to_do(
    tmp_path: Path, server: FileServer, settings: dict[str, str], advice: str
) -> None:
    server.routes["/version"] = lambda _: Answer(status=401, body=b'{"detail": "Who are you?"}')

    with pytest.raises(ApiError, match=rf"Who are you\? {advice}"):
        ask(read(tmp_path, server.url, **settings))


@pytest.mark.parametrize(("header", "waits"), [("0", True), ("3600", False), ("soon", False)])
def test_a_short_rate_limit_is_waited_for(
    tmp_path: Path, server: FileServer, header: str, waits: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = [
        Answer(status=429, headers={"Retry-After": header}, body=b'{"detail": "Too many runs."}'),
        VERSION,
    ]
    server.routes["/version"] = lambda _: answers.pop(0)

    if waits:
        ask(read(tmp_path, server.url))
        assert "Too many runs." in capsys.readouterr().err
    else:
        with pytest.raises(ApiError, match="Too many runs") as found:
            ask(read(tmp_path, server.url))
        assert found.value.passing
    assert len(server.requests) == 2 - len(answers)


def test_concurrent_threads_renew_once(tmp_path: Path, server: FileServer) -> None:
    settings = read(tmp_path, server.url)
    keep_pasted(settings, access="old", refresh="def")
    server.routes["/version"] = refuse_old_tokens
    server.routes["/refresh"] = lambda _: Answer(body=b'{"access_token": "new"}')
    failed: list[BaseException] = []

    def work() -> None:
        try:
            ask(settings)
        except BaseException as exc:
            failed.append(exc)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert server.paths().count("/refresh") == 1
