from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from support.http import Answer, FileServer, closed_port


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False, timeout=60) as pool:
        yield pool


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "a b.txt").write_bytes(b"0123456789" * 20_000)
    with FileServer(tmp_path) as running:
        yield running


def test_serves_files_and_nothing_outside(server: FileServer, http: urllib3.PoolManager) -> None:
    assert http.request("GET", f"{server.url}/a%20b.txt").data == b"0123456789" * 20_000
    assert http.request("GET", f"{server.url}/%2e%2e/etc/passwd").status == 404


def test_fails_the_first_requests_only(server: FileServer, http: urllib3.PoolManager) -> None:
    server.fail(2, status=502)
    assert [http.request("GET", f"{server.url}/a b.txt").status for _ in range(3)] == [502, 502, 200]
    assert server.paths() == ["/a b.txt"] * 3


def test_drops_once_and_then_resumes_by_range(server: FileServer, http: urllib3.PoolManager) -> None:
    server.drop(after=150_001)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        http.request("GET", f"{server.url}/a b.txt")
    rest = http.request("GET", f"{server.url}/a b.txt", headers={"Range": "bytes=150001-"})
    assert (rest.status, rest.headers["Content-Range"]) == (206, "bytes 150001-199999/200000")
    assert rest.data == (b"0123456789" * 20_000)[150_001:]


def test_ignores_ranges_when_told_so_or_the_file_is_another(
    server: FileServer, http: urllib3.PoolManager
) -> None:
    stale = {"Range": "bytes=5-", "If-Range": '"other"'}
    assert http.request("GET", f"{server.url}/a b.txt", headers=stale).status == 200
    server.ranges = False
    assert http.request("GET", f"{server.url}/a b.txt", headers={"Range": "bytes=5-"}).status == 200


def test_stalls_until_the_client_gives_up(server: FileServer, http: urllib3.PoolManager) -> None:
    server.stall_after = 10
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        http.request("GET", f"{server.url}/a b.txt", timeout=0.2)


def test_routes_answer_before_files(server: FileServer, http: urllib3.PoolManager) -> None:
    server.routes["/echo"] = lambda request: Answer(
        status=201, body=request.body + request.query["q"][0].encode()
    )
    answer = http.request("POST", f"{server.url}/echo?q=2", body=b"1")
    assert (answer.status, answer.data) == (201, b"12")


def test_a_closed_port_refuses(http: urllib3.PoolManager) -> None:
    with closed_port() as url, pytest.raises(urllib3.exceptions.NewConnectionError):
        http.request("GET", url)
