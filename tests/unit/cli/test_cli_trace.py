from __future__ import annotations

from pathlib import Path

from ogdc_cli.api import ApiClient
from ogdc_cli.settings import ClientSettings
from ogdc_shared.telemetry.tracing import read_trace
from support.http import Answer, FileServer


def client(url: str, directory: Path) -> ApiClient:
    environ = {"OGDC_API_URL": url, "OGDC_USER": "anna", "TOKEN_CACHE_FILE": str(directory / "tokens.json")}
    return ApiClient(ClientSettings.from_env(environ))


def test_all_requests_of_a_command_share_one_sampled_trace(tmp_path: Path):
    with FileServer(tmp_path) as server:
        server.routes["/version"] = lambda _: Answer(body=b'{"ogdc_runner_version": "1"}')
        for _ in range(2):
            command = client(server.url, tmp_path)
            command.version()
            command.version()
        sent = [request.headers["traceparent"] for request in server.requests]

    assert sent[0] == sent[1] != sent[2] == sent[3]
    traces = [read_trace(parent) for parent in sent]
    assert all(trace and trace.flags == "01" for trace in traces)


def test_traces_are_sent_only_to_the_deployment(tmp_path: Path):
    (tmp_path / "out.zip").write_bytes(b"zip")
    with FileServer(tmp_path) as server:
        client("http://127.0.0.1:9", tmp_path).download(f"{server.url}/out.zip", tmp_path / "into")
        [request] = server.requests

    assert "traceparent" not in request.headers
