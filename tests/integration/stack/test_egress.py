"""The proxy for commands with network access, from their loopback to a server, with real programs."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_local.stack import egress
from ogdc_local.stack.egress import Egress
from ogdc_local.stack.egress_rules import Shares
from ogdc_shared.reach import Reach
from ogdc_worker.process.egress import open_egress
from support.http import FileServer
from support.stack import wait_until


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
def test_allowed_addresses_are_reachable(
    tmp_path: Path, server: FileServer, options: tuple[str, ...]
) -> None:
    with Egress(tmp_path / "out", reach=Reach(anywhere=True), environ={}):
        done = curl(f"{server.url}/words.txt", open_egress(str(tmp_path / "out")), *options)
    assert (done.stdout, done.returncode) == ("found\n", 0), done.stderr


@pytest.mark.parametrize("options", [(), ("--proxytunnel",)], ids=["request", "tunnel"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "169.254.169.254", "10.0.0.1"]
)
def test_private_addresses_are_rejected(
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
def test_connections_go_through_the_users_proxy(
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
def test_invalid_proxy_requests_are_rejected(tmp_path: Path, words: bytes) -> None:
    with Egress(tmp_path / "out", reach=Reach(), environ={}), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "out"))
        client.sendall(words + b"\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 400 ")


def reach(
    tmp_path: Path, url: str, *addresses: str, anywhere: bool = False, own_ports: frozenset[int] = frozenset()
) -> str:
    """What curl gets through a way out that leads to these addresses besides."""
    reach = Reach(anywhere=anywhere)
    with Egress(tmp_path / "out", reach=reach, environ={}, own_ports=own_ports) as egress:
        return curl(url, open_egress(str(egress.leading_to(addresses).path))).stdout


def test_only_addresses_named_in_lines_are_reachable(tmp_path: Path, server: FileServer) -> None:
    address, url = server.url.removeprefix("http://"), f"{server.url}/words.txt"
    assert reach(tmp_path, url, "127.0.0.1:9", address) == "found\n"
    assert "public address" in reach(tmp_path, url, "127.0.0.1:9", f"127.0.0.2:{address[10:]}")
    assert "public address" in reach(tmp_path, url.replace("127.0.0.1", "localhost"), address)
    assert len(server.requests) == 1


def test_each_set_of_named_addresses_has_its_own_socket(tmp_path: Path, server: FileServer) -> None:
    named = (server.url.removeprefix("http://"),)
    with Egress(tmp_path / "out", reach=Reach(), environ={}) as egress:
        assert egress.leading_to(named) == egress.leading_to(named)
        assert egress.leading_to(named).loopback == named
        for other in (egress.leading_to(()), egress.leading_to(("10.0.0.1:9",))):
            assert other.path != egress.leading_to(named).path
            assert other.loopback == ()
            assert "public address" in curl(f"{server.url}/words.txt", open_egress(str(other.path))).stdout
    assert list(tmp_path.glob("out*")) == []


def test_a_command_may_listen_on_an_unused_named_port(tmp_path: Path) -> None:
    with Egress(tmp_path / "out", reach=Reach(), environ={}) as egress:
        assert egress.leading_to(("127.0.0.1:1", "[::1]:1")).loopback == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "0.0.0.0", "localhost"])
def test_ports_of_the_stack_are_always_rejected(tmp_path: Path, server: FileServer, host: str) -> None:
    port = int(server.url.rpartition(":")[2])
    named, own = f"127.0.0.1:{port}", frozenset({port})
    url = f"http://{host}:{port}/words.txt"
    assert "the stack's own" in reach(tmp_path, url, named, anywhere=True, own_ports=own)
    with Egress(tmp_path / "out", reach=Reach(), environ={}, own_ports=own) as egress:
        assert egress.leading_to((named,)).loopback == ()
    assert server.requests == []


def test_connections_to_a_named_address_are_forwarded(tmp_path: Path, server: FileServer) -> None:
    """The machine's address is taken here, so another of the loopback stands for the task's."""
    address = server.url.removeprefix("http://")
    with Egress(tmp_path / "out", reach=Reach(), environ={}) as egress:
        path = str(egress.leading_to((address,)).path)
        open_egress(path, f"{address} 127.0.0.9:{address[10:]}")
        done = curl(f"http://127.0.0.9:{address[10:]}/words.txt", {})
    assert (done.stdout, done.returncode) in {("", 52), ("", 56)}  # 127.0.0.9 is none that was named


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (b"GET http://1.1.1.1/a HTTP/1.1\r\n\r\nGET http://10.0.0.1/ HTTP/1.1\r\n\r\n", b"/a"),
        (b"POST http://1.1.1.1/a HTTP/1.1\r\nContent-Length: 2\r\n\r\nokGET http://10.0.0.1/", b"ok"),
        (b"CONNECT 1.1.1.1:443 HTTP/1.1\r\nX: y\r\n\r\nGET http://10.0.0.1/ HTTP/1.1\r\n\r\n", b"\r\n"),
    ],
    ids=["second request", "after a body", "tunnel refused"],
)
def test_only_checked_addresses_are_requested_from_the_users_proxy(
    tmp_path: Path, words: bytes, expected: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        environ = {"http_proxy": url, "https_proxy": url}
        with (
            Egress(tmp_path / "out", reach=Reach(), environ=environ),
            socket.socket(socket.AF_UNIX) as client,
        ):
            client.connect(str(tmp_path / "out"))
            client.sendall(words)
            client.shutdown(socket.SHUT_WR)
            asked, _ = proxy.accept()
            with asked:
                asked.settimeout(10)
                answer = asked.recv(65536)
                asked.sendall(b"HTTP/1.1 407 No\r\n\r\n")
                asked.shutdown(socket.SHUT_WR)
                while piece := asked.recv(65536):
                    answer += piece
    assert expected in answer
    assert b"10.0.0.1" not in answer


# --- what goes through ---


def opened(path: Path, target: str) -> socket.socket:
    """A tunnel to a target, as far as the answer to CONNECT."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20)
    client.connect(str(path))
    client.sendall(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
    return client


def read_all(client: socket.socket) -> bytes:
    answer = b""
    with suppress(ConnectionResetError):
        while piece := client.recv(65536):
            answer += piece
    return answer


@pytest.mark.parametrize("target", ["1.1.1.1:25", "1.1.1.1:22", "[2606:4700::1]:465"])
@pytest.mark.parametrize("words", ["CONNECT {}", "GET http://{}/"])
def test_ports_of_other_services_are_refused(tmp_path: Path, target: str, words: str) -> None:
    with Egress(tmp_path / "out", reach=Reach(), environ={}), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "out"))
        client.sendall(f"{words.format(target)} HTTP/1.1\r\n\r\n".encode())
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"another service's" in answer


@pytest.mark.parametrize(
    ("sent", "passes"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", False),
        (b"EHLO example.org\r\n", False),
        (b"\x16\x03\x01\x02\x00\x02 no hello", False),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
    ],
)
def test_tunnels_to_public_servers_are_limited_to_web_ports(
    tmp_path: Path, sent: bytes, passes: bool
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Egress(tmp_path / "out", reach=Reach(anywhere=True), environ={}),
        opened(tmp_path / "out", f"localhost:{server.getsockname()[1]}") as client,
    ):
        taken, _ = server.accept()
        with taken:
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
            # What is no web traffic is hung up at its first wrong byte, while the rest is still being sent.
            with nullcontext() if passes else suppress(BrokenPipeError, ConnectionResetError):
                for byte in sent:
                    client.sendall(bytes([byte]))
                client.shutdown(socket.SHUT_WR)
            assert read_all(taken) == (sent if passes else b"")


def test_named_addresses_may_use_any_protocol(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Egress(tmp_path / "o", reach=Reach(), environ={}) as out,
    ):
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with opened(out.leading_to((address,)).path, address) as client, server.accept()[0] as taken:
            taken.sendall(b"* the server speaks first")
            taken.shutdown(socket.SHUT_WR)
            head, _, rest = read_all(client).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert rest == b"* the server speaks first"


def test_idle_connections_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress, "IDLE_SECONDS", 0.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Egress(tmp_path / "o", reach=Reach(), environ={}) as out,
    ):
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with opened(out.leading_to((address,)).path, address) as client, server.accept()[0] as taken:
            assert read_all(client).startswith(b"HTTP/1.1 200 ")
            assert read_all(taken) == b""


def test_connections_close_when_their_task_ends(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        Egress(tmp_path / "o", reach=Reach(), environ={}) as out,
    ):
        address = f"127.0.0.1:{server.getsockname()[1]}"
        client = opened(out.leading_to((address,)).path, address)
        with server.accept()[0] as taken:
            taken.settimeout(20)
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
            client.close()
            assert read_all(taken) == b""
            wait_until(lambda: out.connections == 0)


def test_the_threads_that_accept_connections_end_with_it(tmp_path: Path) -> None:
    """One that stayed could take a connection from whatever has its descriptor next."""
    before = set(threading.enumerate())
    with Egress(tmp_path / "o", reach=Reach(), environ={}):
        [thread] = set(threading.enumerate()) - before
    thread.join(60)
    assert not thread.is_alive()


# --- shares ---


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=200), st.integers(1, 40))
def test_each_task_leaves_connections_for_others(steps: list[tuple[str, bool]], most: int) -> None:
    shares, held = Shares(most), Counter[str]()
    for task, takes in steps:
        if not takes and held[task]:
            shares.give_back(task)
            held[task] -= 1
        elif takes:
            granted = shares.take(task)
            assert granted == (held[task] < most - held.total())
            held[task] += granted
    assert shares.taken == held.total() <= most
    if most >= 4 and len(+held) < 2:
        assert shares.take("newcomer")
