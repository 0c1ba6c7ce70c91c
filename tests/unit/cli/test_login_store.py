from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ogdc_cli.login.logins import Login, key_of
from ogdc_cli.login.store import LoginStore, pasted
from ogdc_shared.errors import ConfigurationError
from support.stack import wait_until

KEY = "https://host/api"


@pytest.fixture
def store(tmp_path: Path) -> LoginStore:
    return LoginStore(tmp_path / "ogdc" / "tokens.json")


def keep(store: LoginStore, token: str = "abc", *, key: str = KEY) -> None:
    with store.changing() as change:
        change.logins.deployments[key] = Login(access_token=token)
        change.keep()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://host/api/", "https://host/api"),
        ("HTTPS://HOST:443/Api", "https://host/Api"),
        ("http://host:80", "http://host"),
        ("http://host:8080/a", "http://host:8080/a"),
        ("https://[::1]:7443/api", "https://[::1]:7443/api"),
        ("https://ada:secret@host/api?x=1#y", "https://host/api"),
    ],
)
def test_deployment_is_known_by_origin_and_path(url: str, key: str) -> None:
    assert key_of(url) == key


@pytest.mark.parametrize("url", ["https://", "https://host:port/", "http://[::1"])
def test_a_url_without_a_host_is_not_a_deployment(url: str) -> None:
    with pytest.raises(ConfigurationError, match="OGDC_API_URL"):
        key_of(url)


def test_the_file_and_its_directory_are_private(store: LoginStore) -> None:
    keep(store)

    assert store.read().deployments[KEY].access_token == "abc"
    assert (mode(store.path), mode(store.path.parent)) == (0o600, 0o700)
    assert {mode(path) for path in store.path.parent.iterdir()} == {0o600}
    assert {path.name for path in store.path.parent.iterdir()} == {"tokens.json", "tokens.json.lock"}


def test_reading_corrects_open_permissions(store: LoginStore) -> None:
    keep(store)
    store.path.chmod(0o644)
    store.path.parent.chmod(0o755)

    store.read()

    assert (mode(store.path), mode(store.path.parent)) == (0o600, 0o700)


def test_permissions_of_a_shared_directory_are_not_changed(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    tmp_path.chmod(0o755)
    keep(LoginStore(tmp_path / "tokens.json"))

    assert mode(tmp_path) == 0o755
    assert mode(tmp_path / "tokens.json") == 0o600


def test_symbolic_link_is_refused(store: LoginStore, tmp_path: Path) -> None:
    store.path.parent.mkdir()
    (tmp_path / "elsewhere").write_text("{}")
    store.path.symlink_to(tmp_path / "elsewhere")

    for use in (store.read, lambda: keep(store)):
        with pytest.raises(ConfigurationError, match="is a symbolic link"):
            use()
    assert (tmp_path / "elsewhere").read_text() == "{}"


def test_symbolic_link_in_place_of_the_lock_is_refused(store: LoginStore, tmp_path: Path) -> None:
    store.path.parent.mkdir()
    store.path.with_name("tokens.json.lock").symlink_to(tmp_path / "victim")

    with pytest.raises(ConfigurationError, match="cannot be written"):
        keep(store)
    assert not (tmp_path / "victim").exists()


def test_a_path_that_is_not_a_file_is_rejected(store: LoginStore) -> None:
    store.path.parent.mkdir()
    os.mkfifo(store.path)

    with pytest.raises(ConfigurationError, match="is not a regular file"):
        store.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["ogdc", "ogdc/tokens.json"])
def test_a_file_of_another_user_is_rejected(store: LoginStore, tmp_path: Path, name: str) -> None:
    keep(store)
    os.chown(tmp_path / name, 12345, 12345)

    for use in (store.read, lambda: keep(store)):
        with pytest.raises(ConfigurationError, match="belongs to user id 12345"):
            use()


def test_directory_that_everybody_can_write_is_refused(store: LoginStore) -> None:
    keep(store)
    store.path.parent.chmod(0o777)

    with pytest.raises(ConfigurationError, match="can be written by everybody"):
        store.read()


@pytest.mark.parametrize("content", ["{", "\xff", '{"access_token": "a\\nb"}', '{"deployments": 1}'])
def test_an_unreadable_file_is_reported_and_can_be_replaced(store: LoginStore, content: str) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(content.encode("latin-1"))

    with pytest.raises(ConfigurationError, match=r"tokens\.json cannot be read.*set-token"):
        store.read()
    with store.changing(anew=True) as change:
        change.logins.deployments[KEY] = Login(access_token="new")
        change.keep()
    assert store.read().deployments[KEY].access_token == "new"


@pytest.mark.parametrize("content", ["", "[]", "null", "{}"])
def test_file_without_tokens_is_no_error(store: LoginStore, content: str) -> None:
    store.path.parent.mkdir()
    store.path.write_text(content)

    assert store.read().deployments == {}


def test_an_error_leaves_the_file_as_it_was(store: LoginStore) -> None:
    keep(store)
    before = store.path.read_bytes()

    def fail() -> None:
        with store.changing() as change:
            change.logins.deployments.clear()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.path.read_bytes() == before
    assert {path.name for path in store.path.parent.iterdir()} == {"tokens.json", "tokens.json.lock"}


def test_files_of_a_killed_command_are_removed(store: LoginStore) -> None:
    keep(store)
    left = store.path.with_name(".tokens.json.4711")
    left.touch()

    keep(store, "def")

    assert not left.exists()


def test_disk_space_is_reserved_before_a_login_starts(store: LoginStore) -> None:
    keep(store)
    with store.changing():
        [draft] = store.path.parent.glob(".tokens.json.*")
        assert draft.stat().st_size > store.path.stat().st_size
        assert mode(draft) == 0o600


_HOLD = """
import sys
from pathlib import Path
from ogdc_cli.login.store import LoginStore
with LoginStore(Path(sys.argv[1])).changing():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_is_released_if_its_holder_is_killed(store: LoginStore) -> None:
    keep(store)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(store.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
    keep(store, "def")

    assert store.read().deployments[KEY].access_token == "def"


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing(store: LoginStore) -> None:
    script = (
        "import sys; from pathlib import Path; from ogdc_cli.login.store import LoginStore; "
        "from ogdc_cli.login.logins import Login\n"
        "with LoginStore(Path(sys.argv[1])).changing() as change:\n"
        "    change.logins.deployments[sys.argv[2]] = Login(access_token='t')\n"
        "    change.keep()\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(store.path), f"https://host/{number}"])
        for number in range(6)
    ]

    assert [process.wait() for process in started] == [0] * 6
    assert len(store.read().deployments) == 6


def test_tokens_in_the_old_format_are_assigned_to_one_deployment(store: LoginStore) -> None:
    store.path.parent.mkdir()
    store.path.write_text(json.dumps({"access_token": "abc", "refresh_token": "def"}))
    logins = store.read()

    assert logins.bind(KEY)
    assert (logins.deployments[KEY].access_token, logins.deployments[KEY].refresh_token) == ("abc", "def")
    assert not logins.bind("https://other/api")
    assert logins.access_token is None


def test_pasted_tokens_replace_only_the_given_ones() -> None:
    both = pasted(Login(), access="a", refresh="r")

    assert pasted(both, access=None, refresh="s").refresh_token == "s"
    assert pasted(both, access="b", refresh=None).refresh_token == "r"
    login = Login(access_token="a", refresh_token="r", issuer="https://i", client_id="c")
    assert pasted(login, access="b", refresh=None).refresh_token is None, "it is another login's"


def test_a_token_is_renewed_a_little_before_its_end() -> None:
    now = time.time()
    long, short = (
        Login(access_token="a", obtained_at=now - life + left, expires_at=now + left)
        for life, left in ((3600, 20), (100, 29))
    )

    assert long.is_over(early=True)
    assert not long.is_over()
    assert not short.is_over(early=True)
    assert Login(access_token="a", expires_at=now - 1).is_over()
    assert not Login(access_token="a").is_over()


def test_the_expiry_time_is_read_from_the_token() -> None:
    jwt = "e30." + "eyJleHAiOjEwMDB9" + ".sig"  # {"exp":1000}

    assert Login().with_access(jwt, refresh_token=None, expires_in=None).expires_at == 1000
    assert Login().with_access("ogdc_abc", refresh_token=None, expires_in=1e300).expires_at == 253402300799
    for opaque in ("ogdc_abc", "a.b.c", "a.e30.c", "a.WzFd.c"):
        assert Login().with_access(opaque, refresh_token=None, expires_in=None).expires_at is None


def test_waiting_for_the_lock_is_limited(store: LoginStore, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(store)
    monkeypatch.setattr("ogdc_cli.login.store._LOCK_SECONDS", 0.0)
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(store.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConfigurationError, match="has held"):
            keep(store)
        holder.stdin.close()
    wait_until(lambda: holder.poll() is not None)
    keep(store)
