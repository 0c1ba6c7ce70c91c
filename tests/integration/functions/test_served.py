"""The services under the server they run on: real sockets, and kill -9 at any moment."""

from __future__ import annotations

import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3

from ogdc_shared.db.database import Database
from ogdc_shared.layout import pack_key, plan_key, snapshot_key
from support.argo_server import ArgoServer
from support.effort import repeated
from support.runs import bundle, recipe_files
from support.services import Service

HTTP = urllib3.PoolManager(retries=False, timeout=300)
GZIP = {"Content-Type": "application/gzip"}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "service.log"


@pytest.fixture
def service(environment, log: Path) -> Iterator[Service]:
    with Service("submit", log=log) as service:
        yield service


def send(service: Service, data: bytes, **headers: str) -> int:
    """Submit a bundle; 0 where no answer came."""
    try:
        return HTTP.request("POST", f"{service.url}/submit", body=data, headers=GZIP | headers).status
    except urllib3.exceptions.HTTPError:
        return 0


def runs(database: Database) -> dict[str, str]:
    """Snapshot of each recorded run, by name."""
    with database.transaction() as conn:
        return dict(conn.execute("SELECT name, snapshot FROM runs").fetchall())


@pytest.fixture
def patient(environment: pytest.MonkeyPatch) -> None:
    """Have the service wait for Argo as long as a busy machine takes; for tests in which Argo answers."""
    environment.setenv("ARGO_TIMEOUT", "10")


@pytest.mark.usefixtures("patient")
def test_a_recipe_is_submitted(service: Service, argo: ArgoServer):
    assert send(service, bundle(recipe_files())) == 200
    assert len(argo.workflows) == 1


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_is_too_large_is_refused_before_it_is_read(service: Service, log: Path, chunked: bool):
    size = 65 << 20
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        head = ["POST /submit HTTP/1.1", "Host: x", "Content-Type: application/gzip", framing, "", ""]
        connection.sendall("\r\n".join(head).encode())
        if chunked:
            chunk = bytes(1 << 20)
            for _ in range(65):
                connection.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        answer = connection.recv(1 << 16).decode()

    assert answer.startswith("HTTP/1.1 413 ")
    assert "Traceback" not in log.read_text()


def test_unauthorized_requests_cannot_block_others(environment, log: Path):
    environment.setenv("ACCESS_MODE", "authenticated")
    environment.setenv("THREADS", "4")
    head = "POST /submit HTTP/1.1\r\nHost: x\r\nContent-Type: application/gzip\r\nContent-Length: 99\r\n\r\nx"
    with Service("submit", log=log) as service, ExitStack() as connections:
        for _ in range(7):  # more than it has threads
            connection = socket.create_connection(("127.0.0.1", service.port), timeout=300)
            connections.enter_context(connection).sendall(head.encode())
        assert send(service, bundle(recipe_files())) == 401
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 401 ")

    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    "chunks", ["zz\r\nhello\r\n0\r\n\r\n", "3\r\nhello\r\n0\r\n\r\n", "-3\r\nabc\r\n0\r\n\r\n"]
)
def test_a_malformed_chunk_is_a_client_error(service: Service, log: Path, chunks: str):
    head = [
        "POST /submit HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
    ]
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        connection.sendall("\r\n".join([*head, "", chunks]).encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        answer = json.loads(response.read())

    assert response.status == 400
    assert "cannot be read" in answer["detail"]
    assert "Traceback" not in log.read_text()


def test_a_service_has_no_control_socket_in_the_home_directory(environment: pytest.MonkeyPatch, log: Path):
    environment.setenv("GUNICORN_LOG_LEVEL", "debug")
    with Service("submit", log=log) as service:
        # A worker that has not answered yet may miss the signal. The server would end it 30 seconds later.
        closing = {"Connection": "close"}  # the server gives idle connections two more seconds
        assert HTTP.request("GET", f"{service.url}/healthz", headers=closing).status == 200
        service.terminate()
        assert service.wait() == 0
    assert "Control socket disabled" in log.read_text()


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        ("GET /robots.txt HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 404, "/robots.txt"),
        ("POST /favicon.ico HTTP/1.1\r\nContent-Length: 9\r\n\r\nx", 404, "/favicon.ico"),
        ("POST /sweep HTTP/1.1\r\nContent-Length: 9\r\n\r\nx", 400, "is truncated"),
        ("GET /version HTTP/1.1\r\n" + "X: y\r\n" * 300 + "\r\n", 431, "headers"),
        ("GET /version HTTP/1.1\r\nX: " + "y" * 20_000 + "\r\n\r\n", 431, "headers"),
        ("GET /version HTTP/1.1\r\nX Y: z\r\n\r\n", 400, "X Y"),
        ("G\xe9T /version HTTP/1.1\r\n\r\n", 400, "Request"),
    ],
)
def test_requests_rejected_by_the_server_are_answered_with_json(
    service: Service, log: Path, request_: str, code: int, words: str
):
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        connection.sendall(request_.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection)
        response.begin()
        answer = json.loads(response.read())

    assert response.status == code
    assert words in answer["detail"]
    assert "Traceback" not in log.read_text()


def test_a_failure_is_logged_as_json(service: Service, environment, log: Path, argo: ArgoServer):
    argo.faults["create"] = "reject"

    assert send(service, bundle(recipe_files())) == 500

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert any("cannot be accepted" in line.get("exception", "") for line in lines)


@pytest.mark.parametrize("fault", ["hang", "drop"])
def test_a_run_is_completed_after_a_kill_during_the_handover(
    environment, log: Path, argo: ArgoServer, database: Database, artifacts: Path, fault: str
):
    environment.setenv("ARGO_TIMEOUT", "30")
    argo.faults["create"] = fault
    with Service("submit", log=log) as service:
        client = threading.Thread(target=send, args=(service, bundle(recipe_files())))
        client.start()
        wait_until(lambda: argo.called("create") > 0)
        service.kill()
        client.join()
    argo.faults.clear()

    assert len(runs(database)) == 1
    assert_the_sweep_makes_it_whole(log, argo, database, artifacts)


def test_a_run_is_recorded_or_not_after_a_kill_during_recording(
    environment, log: Path, argo: ArgoServer, database: Database, artifacts: Path
):
    with database.transaction() as conn, Service("submit", log=log) as service:
        conn.execute("LOCK TABLE runs IN EXCLUSIVE MODE")
        client = threading.Thread(target=send, args=(service, bundle(recipe_files())))
        client.start()
        time.sleep(2)
        service.kill()
        client.join()

    assert runs(database) == {}
    assert_the_sweep_makes_it_whole(log, argo, database, artifacts)


def test_the_same_request_to_two_processes_at_once_makes_one_run(
    environment, log: Path, argo: ArgoServer, database: Database
):
    environment.setenv("ARGO_TIMEOUT", "10")
    with Service("submit", log=log, processes=None) as service, ThreadPoolExecutor(8) as clients:
        wait_until(lambda: len(service.workers()) == 2)
        data, key = bundle(recipe_files()), {"Idempotency-Key": "key"}
        assert set(clients.map(lambda _: send(service, data, **key), range(24))) == {200}

    assert len(runs(database)) == len(argo.workflows) == 1


@pytest.mark.slow
def test_a_submission_killed_at_any_moment_can_be_repeated(
    environment, log: Path, argo: ArgoServer, database: Database, artifacts: Path
):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    keys = []
    rounds = repeated(4, thorough=12)
    for number in rounds:
        with Service("submit", log=log) as service:
            send(service, bundle(recipe_files(f"Warm up {number}", output="temporary")))
            files = recipe_files(f"Recipe {number}")
            keys.append((f"key-{number}", bundle(files)))
            client = threading.Thread(
                target=send, args=(service, keys[-1][1]), kwargs={"Idempotency-Key": keys[-1][0]}
            )
            client.start()
            time.sleep(chance.uniform(0, 0.12))
            service.kill()
            client.join()
    assert_the_sweep_makes_it_whole(log, argo, database, artifacts)
    with Service("submit", log=log) as service:
        assert {send(service, data, **{"Idempotency-Key": key}) for key, data in keys} == {200}

    assert len(argo.workflows) == 2 * len(rounds)


def wait_until(condition) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_the_sweep_makes_it_whole(log: Path, argo: ArgoServer, database: Database, artifacts: Path) -> None:
    """After a start and a sweep Argo has the recorded runs and no others, and each has its artifacts."""
    with Service("submit", log=log) as service:
        swept = HTTP.request("POST", f"{service.url}/sweep?unsent_for=0")
        assert swept.status == 200
        assert swept.json()["left"] == []
    recorded = runs(database)
    assert set(argo.workflows) == set(recorded)
    for name, snapshot in recorded.items():
        for key in (plan_key(name), pack_key(name, 0), snapshot_key(snapshot)):
            assert (artifacts / key).is_file(), key
