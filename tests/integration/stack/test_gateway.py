from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from ogdc_local.stack import connections
from ogdc_local.stack.functions import Functions
from ogdc_local.stack.gateway import Gateway, IdleTimer, Internal
from ogdc_local.stack.peers import may_connect
from ogdc_local.stack.server import Server, listen, url_of
from ogdc_shared.storage.directory import DirectoryStore
from ogdc_shared.storage.links import sign

KEY = "runs/r-1/output/r.zip"
CONTENT = bytes(range(256)) * 1000


def named(name):
    """A WSGI application that answers with its name and what it was asked."""

    def application(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{name} {environ['REQUEST_METHOD']} {environ['PATH_INFO']} {body.decode()}".strip().encode()]

    return application


class Client:
    def __init__(self, url):
        self.url = url
        self.address = urlsplit(url).netloc

    def __call__(self, method, target, *, body=None, **headers):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request(
            method, target, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        response = connection.getresponse()
        response.body = response.read()
        connection.close()
        return response


@pytest.fixture
def store(tmp_path):
    store = DirectoryStore(tmp_path / "artifacts", url="http://127.0.0.1:1", signing_key="secret")
    store.put(KEY, CONTENT)
    return store


@pytest.fixture
def ask(tmp_path, store):
    gateway = Gateway(
        functions=Functions(*map(named, Functions._fields)),
        engine=named("engine"),
        artifacts=tmp_path / "artifacts",
        signing_key="secret",
        user="ada",
        state=lambda: {"busy": True},
    )
    listener = listen(None)
    with Server(listener, gateway, threads=4):
        yield Client(url_of(listener))


def signed(store, key=KEY, seconds=60):
    parts = urlsplit(store.link(key, seconds=seconds))
    return f"{parts.path}?{parts.query}"


@pytest.mark.parametrize(
    ("request_line", "answer"),
    [
        ("POST /submit", "submit POST /submit"),
        ("GET /submit", "submit GET /submit"),
        ("POST /api/submit", "submit POST /api/submit"),
        ("POST /validate", "submit POST /validate"),
        ("POST /runs/x/cancel", "submit POST /runs/x/cancel"),
        ("POST /sweep", "submit POST /sweep"),
        ("GET /", "status GET /"),
        ("GET /version", "status GET /version"),
        ("GET /api/version", "status GET /api/version"),
        ("GET /healthz", "status GET /healthz"),
        ("GET /runs/x/logs", "status GET /runs/x/logs"),
        ("GET /triggers/x", "status GET /triggers/x"),
        ("POST /triggers", "submit POST /triggers"),
        ("DELETE /triggers/x", "submit DELETE /triggers/x"),
        ("POST /events/argo", "argo_events POST /events/argo"),
        ("POST /events/upload", "upload POST /events/upload"),
        ("POST /api/events/upload", "upload POST /api/events/upload"),
        ("GET /api/v1/workflows/local", "engine GET /api/v1/workflows/local"),
        ("GET /stack", '{"busy": true}'),
        ("POST /events/dead-letters", "submit POST /events/dead-letters"),
        ("PUT /runs/x", "status PUT /runs/x"),
    ],
)
def test_each_request_is_routed_to_its_service(ask, request_line, answer):
    response = ask(*request_line.split())
    assert (response.status, response.body.decode()) == (200, answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/api/v1/workflows/local", "/api/v1/workflows/local/x/terminate"])
def test_workflows_are_read_only(ask, method, path):
    response = ask(method, path, body=b"{}")
    assert response.status == 403
    assert b"POST /submit" in response.body


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", "secret", "Bearer s\xe9cret"])
def test_the_engine_requires_its_token(given):
    internal = Internal(engine=named("engine"), argo_events=named("events"), token="secret")
    listener = listen(None)
    with Server(listener, internal, threads=2):
        client = Client(url_of(listener))
        headers = {} if given is None else {"Authorization": given}
        assert client("POST", "/api/v1/workflows/local", body=b"{}", **headers).status == 403
        assert client("POST", "/events/argo", body=b"{}", **headers).status == 403
        known = {"Authorization": "Bearer secret"}
        assert client("POST", "/api/v1/workflows/local", **known).body.startswith(b"engine POST")
        assert client("POST", "/events/argo", **known).body.startswith(b"events POST")


@pytest.mark.parametrize(
    ("kind", "wakes"), [("org.ogdc.sweep_requested", 1), ("org.ogdc.run_ended", 0), (None, 0)]
)
def test_argo_events_wakes_the_sweep(kind, wakes):
    def argo_events(environ, start_response):
        start_response("200 OK", [] if kind is None else [("ce-type", kind)])
        return [b"taken"]

    woken: list[int] = []
    internal = Internal(
        engine=named("engine"),
        argo_events=argo_events,
        token="secret",
        on_sweep_requested=lambda: woken.append(1),
    )
    environ = create_environ("/events/argo", method="POST", headers={"Authorization": "Bearer secret"})

    body, status, _headers = run_wsgi_app(internal, environ)

    assert (b"".join(body), status) == (b"taken", "200 OK")
    assert len(woken) == wakes


@pytest.mark.parametrize(("headers", "caller"), [({}, "ada"), ({"OGDC-User": "eve"}, "eve")])
def test_a_request_that_names_nobody_is_of_the_machine_s_user(tmp_path, headers, caller):
    def named_caller(environ, start_response):
        start_response("200 OK", [])
        return [environ["HTTP_OGDC_USER"].encode()]

    gateway = Gateway(
        functions=Functions(*[named_caller for _ in Functions._fields]),
        engine=None,
        artifacts=tmp_path,
        signing_key="secret",
        user="ada",
        state=dict,
    )
    answer = run_wsgi_app(gateway, create_environ("/me", "http://127.0.0.1", headers=headers))

    assert b"".join(answer[0]) == caller.encode()


def test_workflows_require_authentication_like_runs(tmp_path):
    gateway = Gateway(
        functions=Functions(*map(named, Functions._fields)),
        engine=None,
        artifacts=tmp_path,
        signing_key="secret",
        user="ada",
        state=dict,
    )
    answer = run_wsgi_app(gateway, create_environ("/api/v1/workflows/local", "http://127.0.0.1"))

    assert answer[1] == "403 FORBIDDEN"


def test_request_bodies_are_passed_on(ask):
    assert ask("POST", "/submit", body=b"abc").body == b"submit POST /submit abc"


def test_an_artifact_is_served_completely(ask, store):
    response = ask("GET", signed(store))
    assert response.status == 200
    assert response.body == CONTENT
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"] == "attachment; filename=r.zip"
    assert response.headers["Accept-Ranges"] == "bytes"


def test_a_head_request_returns_the_size_of_an_artifact(ask, store):
    response = ask("HEAD", signed(store))
    assert (response.status, response.headers["Content-Length"]) == (200, str(len(CONTENT)))
    assert response.body == b""


def test_a_range_of_an_artifact_can_be_requested(ask, store):
    response = ask("GET", signed(store), Range="bytes=1000-1999")
    assert response.status == 206
    assert response.headers["Content-Range"] == f"bytes 1000-1999/{len(CONTENT)}"
    assert response.body == CONTENT[1000:2000]


def test_a_download_is_resumed_unless_the_artifact_changed(ask, store):
    first = ask("GET", signed(store), Range="bytes=0-9")
    resumed = ask("GET", signed(store), Range="bytes=10-", If_Range=first.headers["ETag"])
    assert (resumed.status, resumed.body) == (206, CONTENT[10:])
    store.put(KEY, CONTENT[::-1])
    assert ask("GET", signed(store), Range="bytes=10-", If_Range=first.headers["ETag"]).status == 200


def test_range_past_the_end_is_refused(ask, store):
    assert ask("GET", signed(store), Range=f"bytes={len(CONTENT)}-").status == 416


def test_an_artifact_requires_a_signed_link(ask, store):
    path, _, query = signed(store).partition("?")
    assert ask("GET", path).status == 403
    assert ask("GET", f"{path}?{query}0").status == 403
    assert ask("GET", f"/artifacts/runs/r-2/output/r.zip?{query}").status == 403


def test_link_that_expired_and_artifact_that_is_gone_are_410(ask, store):
    assert ask("GET", signed(store, seconds=-1)).status == 410
    link = signed(store)
    store.delete_prefix("runs/r-1/")
    assert ask("GET", link).status == 410


@pytest.mark.parametrize("key", ["../secret", "runs/../../secret", "/etc/passwd", "%2e%2e/secret", ".", ""])
def test_paths_outside_the_artifacts_are_rejected(ask, tmp_path, key):
    (tmp_path / "secret").write_text("secret")
    query = sign(key.replace("%2e", "."), expires=int(time.time()) + 60, secret="secret")
    response = ask("GET", f"/artifacts/{key}?{query}")
    assert response.status == 400
    assert b"root:" not in response.body


def test_artifacts_cannot_be_written(ask, store):
    assert ask("PUT", signed(store), body=b"x").status == 405
    assert store.get(KEY) == CONTENT


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("POST /submit HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /submit HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        ("POST /submit HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        ("POST /submit HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n", 400),
        ("POST /submit HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n", 400),
        ("POST /submit HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nx", 501),
        ("hello there\r\n\r\n", 400),
    ],
)
def test_errors_of_the_server_itself_are_json(ask, request_text: str, status: int):
    host, port = ask.address.split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(request_text.encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == status
        assert response.headers["Content-Type"] == "application/json"
        assert json.loads(response.read())["detail"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[", "0.0.0.0"]
)
def test_names_that_only_resolve_to_this_machine_are_refused(ask, host):
    response = ask("GET", "/runs", Host=host)
    assert response.status == 403
    assert b"localhost" in response.body


def test_localhost_is_answered(ask):
    assert ask("GET", "/runs", Host="localhost:1234").status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
def test_pages_of_other_sites_are_refused(ask, origin):
    assert ask("POST", "/submit", body=b"{}", Origin=origin, Content_Type="text/plain").status == 403
    assert "Access-Control-Allow-Origin" not in ask("GET", "/runs", Origin=origin).headers


def test_its_own_pages_are_answered(ask):
    assert ask("GET", "/runs", Origin=ask.url).status == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a moment")
def test_other_users_of_the_machine_are_refused(ask):
    script = f"""
import urllib.request, urllib.error
try:
    print(urllib.request.urlopen("{ask.url}/runs").status)
except urllib.error.HTTPError as exc:
    print(exc.code, exc.read().decode())
"""
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    python = "/usr/bin/python3"
    done = subprocess.run([*as_nobody, python, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("403")
    assert "another user" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a moment")
def test_connections_of_other_users_cannot_block_the_user(ask):
    script = f"""
import socket, sys
address = {ask.address.split(":")}
held = []
for _ in range(700):
    held.append(socket.create_connection((address[0], int(address[1])), timeout=60))
    held[-1].sendall(b"GET /version HTTP/1.1\\r\\nX: ")
print("open", flush=True)
sys.stdin.read()
"""
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    other = subprocess.Popen(
        [*as_nobody, "/usr/bin/python3", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout.readline() == b"open\n"
    assert ask("GET", "/runs").status == 200
    other.communicate()


@pytest.mark.parametrize("sent", [b"", b"GET /runs HTTP/1.1\r\nX: "], ids=["silent", "unfinished"])
def test_connections_without_a_request_are_closed(ask, monkeypatch, sent):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.3)
    with (
        socket.create_connection(ask.address.split(":"), timeout=60) as client,
        suppress(BrokenPipeError, ConnectionResetError),  # closed, too, where a byte came after that
    ):
        client.sendall(sent)
        assert client.recv(1) == b""


def trickle(client):
    for _ in range(200):
        client.sendall(b"x")
        time.sleep(0.05)


def test_slow_requests_are_closed_even_if_bytes_keep_arriving(ask, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.3)
    with socket.create_connection(ask.address.split(":"), timeout=60) as client:
        client.sendall(b"GET /runs HTTP/1.1\r\nX: ")
        with pytest.raises(OSError, match=r"reset|closed|pipe"):
            trickle(client)


def test_connections_are_kept_alive(ask, monkeypatch):
    connection = http.client.HTTPConnection(ask.address, timeout=300)
    for pause in (0, 0.1, 1.5):
        with monkeypatch.context() as idle:  # a request may take longer than this under load
            idle.setattr(connections, "HEADER_SECONDS", 0.3)
            time.sleep(pause)
        connection.request("GET", "/runs")
        response = connection.getresponse()
        response.read()
        assert response.status == 200
    connection.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs sock_diag")
def test_other_users_cannot_bypass_the_check_by_disconnecting():
    with listen(None) as server:
        client = socket.create_connection(server.getsockname())
        address = client.getsockname()
        accepted, _ = server.accept()
        assert may_connect(address, server.getsockname())
        client.close()
        assert not may_connect(address, server.getsockname())
        accepted.close()


def test_the_idle_timer_counts_the_time_since_the_last_request():
    idle_at_work = []
    now = 100.0

    def application(environ, start_response):
        nonlocal now
        now += 7
        idle_at_work.append(clock.idle_seconds)
        return named("x")(environ, start_response)

    clock = IdleTimer(application, clock=lambda: now)
    now += 5
    assert clock.idle_seconds == 5
    listener = listen(None)
    with Server(listener, clock, threads=1):
        Client(url_of(listener))("GET", "/")
    assert idle_at_work == [0.0]
    now += 2
    assert clock.idle_seconds == 2


def test_stopping_a_server_finishes_requests_and_frees_the_port():
    began = threading.Event()

    def slow(environ, start_response):
        began.set()
        time.sleep(0.3)
        start_response("200 OK", [("Content-Length", "4")])
        return [b"done"]

    listener = listen(None)
    port = listener.getsockname()[1]
    answers = []
    with Server(listener, slow, threads=2):
        client = Client(url_of(listener))
        thread = threading.Thread(target=lambda: answers.append(client("GET", "/").body))
        thread.start()
        assert began.wait(300)
    thread.join()
    assert answers == [b"done"]
    with listen(port) as again:
        assert again.getsockname()[1] == port


def test_another_port_is_used_if_the_preferred_one_is_taken():
    with listen(None) as first, listen(first.getsockname()[1]) as second:
        assert second.getsockname()[1] not in {0, first.getsockname()[1]}
