"""What is sent to the stack on this machine by the standard library alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ogdc_cli.api import ApiClient, ApiError
from ogdc_cli.settings import ClientSettings
from support.http import Answer, FileServer


def client(url: str, directory: Path) -> ApiClient:
    environ = {"OGDC_API_URL": url, "OGDC_USER": "anna", "TOKEN_CACHE_FILE": str(directory / "tokens.json")}
    return ApiClient(ClientSettings.from_env(environ).at_stack(url))


def test_requests_are_retried_after_a_short_outage_and_keep_their_query(tmp_path: Path) -> None:
    with FileServer(tmp_path) as server:
        server.routes["/runs/a/logs"] = lambda _: Answer(body=b"one\ntwo\n")
        server.fail(2, headers={"Retry-After": "0"})
        log = b"".join(client(server.url, tmp_path).logs("a", tail=7))
        statuses = [request.status for request in server.requests]
        query = server.requests[-1].query

    assert log == b"one\ntwo\n"
    assert statuses == [503, 503, 200]
    assert query == {"tail": ["7"]}


def test_failed_requests_are_reported_with_their_reason(tmp_path: Path) -> None:
    with FileServer(tmp_path) as server:
        server.routes["/version"] = lambda _: Answer(status=403, body=b'{"detail": "not you"}')
        asking = client(server.url, tmp_path)
        with pytest.raises(ApiError, match=r"^not you$") as refused:
            asking.version()
        server.routes["/version"] = lambda _: Answer(body=b'{"ogdc_runner_version": "1"}')
        server.drop(after=5)
        with pytest.raises(ApiError, match=r"does not answer: IncompleteRead\(5 bytes read"):
            asking.version()
        assert asking.version() == "1"
        server.routes["/runs/a/outputs/b.tif"] = lambda _: Answer(body=b"data" * 100)
        server.drop(after=5)
        with pytest.raises(ApiError, match="does not answer: IncompleteRead"):
            asking.download_file("a", "b.tif", tmp_path / "b.tif")
        assert not (tmp_path / "b.tif").exists()
    with pytest.raises(ApiError, match="does not answer: Connection refused") as silent:
        asking.version()

    assert (refused.value.status, refused.value.passing) == (403, False)
    assert (silent.value.status, silent.value.passing) == (None, True)


def test_running_a_recipe_locally_imports_nothing_slow() -> None:
    program = "import sys, ogdc_cli.running, ogdc_cli.stack_sender; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert not {"urllib3", "importlib.metadata", "pydantic", "yaml"} & {*done.stdout.split()}
