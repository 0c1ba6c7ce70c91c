"""The way out for commands that ask for one, from their own loopback to a server, by real programs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_local.stack.egress import Egress
from ogdc_shared.reach import Reach
from ogdc_worker.process.egress import open_egress
from support.http import FileServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served/words.txt").write_text("found\n")
    with FileServer(tmp_path / "served") as server:
        yield server


def curl(url: str, environ: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = ["curl", "-sS", "--fail-with-body", "--noproxy", "", "--max-time", "20", *options, url]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("options", [(), ("--proxytunnel",)], ids=["request", "tunnel"])
def test_what_may_be_reached_is(tmp_path: Path, server: FileServer, options: tuple[str, ...]) -> None:
    with Egress(tmp_path / "out", reach=Reach(anywhere=True), environ={}):
        done = curl(f"{server.url}/words.txt", open_egress(str(tmp_path / "out")), *options)
    assert (done.stdout, done.returncode) == ("found\n", 0), done.stderr


@pytest.mark.parametrize("options", [(), ("--proxytunnel",)], ids=["request", "tunnel"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "169.254.169.254", "10.0.0.1"]
)
def test_what_is_not_public_is_refused(
    tmp_path: Path, server: FileServer, host: str, options: tuple[str, ...]
) -> None:
    url = f"http://{host}:{server.url.rpartition(':')[2]}/words.txt"
    with Egress(tmp_path / "out", reach=Reach(), environ={}):
        done = curl(url, open_egress(str(tmp_path / "out")), *options)
    assert done.returncode != 0
    assert "403" in done.stdout + done.stderr or "public address" in done.stdout
    assert "found" not in done.stdout
    assert server.requests == []


@pytest.mark.parametrize("options", [(), ("--proxytunnel",)], ids=["request", "tunnel"])
def test_a_users_own_proxy_is_the_way_out(
    tmp_path: Path, server: FileServer, options: tuple[str, ...]
) -> None:
    """A second one of ours stands for it."""
    with Egress(tmp_path / "corporate", reach=Reach(anywhere=True), environ={}):
        proxies = {**open_egress(str(tmp_path / "corporate")), "no_proxy": ""}
        with Egress(tmp_path / "out", reach=Reach(anywhere=True), environ=proxies):
            done = curl(f"{server.url}/words.txt", open_egress(str(tmp_path / "out")), *options)
    assert (done.stdout, done.returncode) == ("found\n", 0), done.stderr


@pytest.mark.parametrize(
    "words", [b"GET / HTTP/1.1", b"nonsense", b"GET file:///etc/passwd HTTP/1.1", b"CONNECT :1"]
)
def test_what_is_no_request_to_a_proxy_is_refused(tmp_path: Path, words: bytes) -> None:
    import socket

    with Egress(tmp_path / "out", reach=Reach(), environ={}), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "out"))
        client.sendall(words + b"\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
