from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ogdc_shared.argo.client import ArgoClient
from ogdc_shared.config import ArgoSettings
from ogdc_shared.errors import ArgoUnavailableError, ConfigurationError, RunStateError
from ogdc_shared.line_blocks import LOG_BLOCKS
from support.certificates import self_signed
from support.http import Answer, FileServer, Request, closed_port
from support.workflows import workflow_object

NAME = "tiles-abcdefghij"
ALL = "/api/v1/workflows/qgnet"
ONE = f"{ALL}/{NAME}"
MANIFEST = workflow_object(NAME)


def answer(body: Any, *, status: int = 200) -> Callable[[Request], Answer]:
    return lambda request: Answer(status=status, body=json.dumps(body).encode())


def refusal(status: int, message: str) -> Callable[[Request], Answer]:
    return answer({"code": 5, "message": message, "details": []}, status=status)


@pytest.fixture
def argo(tmp_path: Path) -> Iterator[FileServer]:
    with FileServer(tmp_path) as server:
        yield server


@pytest.fixture
def client(argo: FileServer) -> ArgoClient:
    return ArgoClient(ArgoSettings(url=argo.url, timeout=60))


def called(argo: FileServer) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in argo.requests]


def test_creating_sends_the_manifest_and_returns_what_the_server_has(
    argo: FileServer, client: ArgoClient
) -> None:
    argo.routes[ALL] = answer(MANIFEST | {"status": {}})
    assert client.create(MANIFEST) == MANIFEST | {"status": {}}
    assert json.loads(argo.requests[0].body) == {"workflow": MANIFEST}


def test_creating_what_was_created_before_returns_it(argo: FileServer, client: ArgoClient) -> None:
    argo.routes[ALL] = refusal(409, "already exists")
    argo.routes[ONE] = answer(MANIFEST | {"status": {"phase": "Running"}})
    assert client.create(MANIFEST)["status"] == {"phase": "Running"}
    assert called(argo) == [("POST", ALL), ("GET", ONE)]


def test_workflow_refused_as_existing_and_not_found_may_be_tried_again(
    argo: FileServer, client: ArgoClient
) -> None:
    argo.routes[ALL] = refusal(409, "already exists")
    with pytest.raises(ArgoUnavailableError, match=NAME):
        client.create(MANIFEST)


def test_unknown_workflow_is_none(client: ArgoClient) -> None:
    assert client.get(NAME) is None


def test_names_are_escaped_in_the_path(argo: FileServer, client: ArgoClient) -> None:
    assert client.get("../other?x=1") is None
    assert called(argo) == [("GET", f"{ALL}/../other?x=1")]


@pytest.mark.parametrize("action", ["terminate", "retry"])
def test_changes_are_put_requests_on_the_workflow(argo: FileServer, client: ArgoClient, action: str) -> None:
    argo.routes[f"{ONE}/{action}"] = answer(MANIFEST)
    getattr(client, action)(NAME)
    assert called(argo) == [("PUT", f"{ONE}/{action}")]


@pytest.mark.parametrize(
    ("action", "status", "message"),
    [
        ("retry", 400, "Cannot retry a workflow in phase Running"),
        ("terminate", 500, 'cannot shutdown a completed workflow: workflow: "x"'),
        ("terminate", 404, "Submit it again"),
    ],
)
def test_change_that_the_state_does_not_allow_is_a_state_error(
    argo: FileServer, client: ArgoClient, action: str, status: int, message: str
) -> None:
    argo.routes[f"{ONE}/{action}"] = refusal(status, message)
    with pytest.raises(RunStateError, match=message):
        getattr(client, action)(NAME)


@pytest.mark.parametrize("status", [200, 404])
def test_deleting_is_done_when_the_workflow_is_gone(
    argo: FileServer, client: ArgoClient, status: int
) -> None:
    argo.routes[ONE] = answer({}, status=status)
    client.delete(NAME)


def test_logs_are_streamed_with_the_task_that_wrote_them(argo: FileServer, client: ArgoClient) -> None:
    lines = [
        {"result": {"content": "fetched 1 of 2", "podName": f"{NAME}-process-123"}},
        {"result": {"podName": f"{NAME}-process-123"}},
        {"result": {"content": "done ✓", "podName": f"{NAME}-publish-9"}},
    ]
    argo.routes[f"{ONE}/log"] = lambda _: Answer(body=b"".join(json.dumps(e).encode() + b"\n" for e in lines))
    assert b"".join(client.logs(NAME, tail=10)).decode() == (
        "[process-123] fetched 1 of 2\n[process-123] \n[publish-9] done ✓\n"
    )
    assert argo.requests[0].query == {"logOptions.container": ["main"], "logOptions.tailLines": ["10"]}


def test_logs_are_without_what_argo_writes_around_a_command(argo: FileServer, client: ArgoClient) -> None:
    written = [
        'time=2026-11-22T18:13:44.144Z level=INFO msg="capturing logs" argo=true',
        "time=2026-11-22 argo=true",
        'time=2026-11-22T18:13:45.151Z level=INFO msg="sub-process exited" argo=true error=<nil>',
        'time="2022-11-27T04:07:37.291Z" level=info msg="running spammer" argo=true',
    ]
    lines = [{"result": {"content": text, "podName": f"{NAME}-process-123"}} for text in written]
    argo.routes[f"{ONE}/log"] = lambda _: Answer(body=b"".join(json.dumps(e).encode() + b"\n" for e in lines))

    assert list(client.logs(NAME)) == [b"[process-123] time=2026-11-22 argo=true\n"]


def test_logs_ended_by_an_error_give_the_lines_before(argo: FileServer, client: ArgoClient) -> None:
    good = json.dumps({"result": {"content": "a", "podName": "p"}}).encode() + b"\n"
    argo.routes[f"{ONE}/log"] = lambda _: Answer(body=good + b'{"error":{"message":"pod is gone"}}\n')
    lines = client.logs(NAME)
    assert next(lines) == b"[p] a\n"
    with pytest.raises(ArgoUnavailableError, match="pod is gone"):
        next(lines)


def test_logs_of_an_engine_that_offers_blocks_of_lines_are_handed_on_as_they_are(
    argo: FileServer, client: ArgoClient
) -> None:
    log = b"[process-1] {not JSON}\n[process-1] \n" * 50_000
    argo.routes[f"{ONE}/log"] = lambda _: Answer(body=log, headers={"Content-Type": LOG_BLOCKS})
    blocks = list(client.logs(NAME))
    assert b"".join(blocks) == log
    assert all(block.endswith(b"\n") for block in blocks)
    assert LOG_BLOCKS in argo.requests[0].headers["Accept"]


@pytest.mark.parametrize("kind", ["application/json", LOG_BLOCKS])
def test_an_interrupted_log_stream_is_an_error(argo: FileServer, client: ArgoClient, kind: str) -> None:
    body = b'{"result":{"content":"a"}}\n' * 9
    argo.routes[f"{ONE}/log"] = lambda _: Answer(body=body, headers={"Content-Type": kind})
    argo.drop(after=30)
    with pytest.raises(ArgoUnavailableError, match="ended early"):
        list(client.logs(NAME))


def test_logs_of_a_workflow_that_is_gone_are_empty(client: ArgoClient) -> None:
    assert list(client.logs(NAME)) == []


def test_a_refused_connection_means_that_nothing_was_done() -> None:
    with closed_port() as url, pytest.raises(ArgoUnavailableError, match="refused") as caught:
        ArgoClient(ArgoSettings(url=url)).create(MANIFEST)
    assert not caught.value.maybe_done


def test_host_without_an_address_means_that_nothing_was_done() -> None:
    with pytest.raises(ArgoUnavailableError) as caught:
        ArgoClient(ArgoSettings(url="http://argo.invalid:2746")).create(MANIFEST)
    assert not caught.value.maybe_done


def test_a_timeout_means_that_it_may_have_been_done_and_is_not_retried(argo: FileServer) -> None:
    argo.delay = 60
    with pytest.raises(ArgoUnavailableError, match=r"within 0.5 s") as caught:
        ArgoClient(ArgoSettings(url=argo.url, timeout=0.5)).create(MANIFEST)
    assert caught.value.maybe_done
    assert len(argo.requests) == 1


def test_a_safe_call_is_retried_after_a_temporary_failure(argo: FileServer, client: ArgoClient) -> None:
    argo.routes[ALL] = answer(MANIFEST)
    argo.fail(2, status=503)
    assert client.create(MANIFEST) == MANIFEST
    assert [request.status for request in argo.requests] == [503, 503, 200]


def test_a_broken_connection_is_retried(argo: FileServer, client: ArgoClient) -> None:
    argo.routes[ONE] = answer(MANIFEST)
    argo.drop(after=5)
    assert client.get(NAME) == MANIFEST


def test_a_permanent_failure_is_given_up(argo: FileServer, client: ArgoClient) -> None:
    argo.fail(9, status=502)
    with pytest.raises(ArgoUnavailableError, match="502") as caught:
        client.create(MANIFEST)
    assert caught.value.maybe_done
    assert len(argo.requests) == 3


def test_an_uncertain_attempt_keeps_the_call_uncertain(argo: FileServer, client: ArgoClient) -> None:
    def cut_off_then_busy(_: Request) -> Answer:
        argo.drop(after=5)
        argo.fail(2, status=429)
        return Answer(body=b"0123456789")

    argo.routes[ALL] = cut_off_then_busy
    with pytest.raises(ArgoUnavailableError, match="429") as caught:
        client.create(MANIFEST)
    assert caught.value.maybe_done


def test_retry_of_a_workflow_is_never_sent_twice(argo: FileServer, client: ArgoClient) -> None:
    argo.fail(1, status=503)
    with pytest.raises(ArgoUnavailableError) as caught:
        client.retry(NAME)
    assert caught.value.maybe_done
    assert len(argo.requests) == 1


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (400, ConfigurationError, "refuses the call"),
        (401, ConfigurationError, "ARGO_TOKEN"),
        (403, ConfigurationError, "exceeded quota"),
        (302, ConfigurationError, "refuses the call"),
        (500, ArgoUnavailableError, "exceeded quota"),
    ],
)
def test_rejections_have_argos_reason_and_are_not_retried(
    argo: FileServer, client: ArgoClient, status: int, error: type[Exception], message: str
) -> None:
    argo.routes[ALL] = refusal(status, "exceeded quota")
    with pytest.raises(error, match=message) as caught:
        client.create(MANIFEST)
    assert "exceeded quota" in str(caught.value)
    assert len(argo.requests) == 1


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[]", b""])
def test_another_server_at_the_address_is_a_configuration_error(
    argo: FileServer, client: ArgoClient, body: bytes
) -> None:
    argo.routes[ONE] = lambda _: Answer(body=body)
    with pytest.raises(ConfigurationError, match="ARGO_WORKFLOWS_SERVICE_URL"):
        client.get(NAME)


@pytest.mark.parametrize("url", ["ftp://argo", "http://", "argo.example"])
def test_an_invalid_address_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="ARGO_WORKFLOWS_SERVICE_URL"):
        ArgoClient(ArgoSettings(url=url)).get(NAME)


def test_https_to_an_http_server_is_a_configuration_error(argo: FileServer) -> None:
    url = argo.url.replace("http:", "https:")
    with pytest.raises(ConfigurationError, match="ARGO_WORKFLOWS_SERVICE_URL"):
        ArgoClient(ArgoSettings(url=url)).get(NAME)


@pytest.mark.parametrize(
    ("token", "sent"), [("abc", "Bearer abc"), ("Bearer abc", "Bearer abc"), (None, None)]
)
def test_token_is_sent(argo: FileServer, token: str | None, sent: str | None) -> None:
    ArgoClient(ArgoSettings(url=argo.url, token=token)).get(NAME)
    assert argo.requests[0].headers["Authorization"] == sent


def test_token_file_is_read_for_each_call(argo: FileServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    client = ArgoClient(ArgoSettings(url=argo.url, token_file=str(file)))
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        client.get(NAME)
    assert [r.headers["Authorization"] for r in argo.requests] == ["Bearer first", "Bearer second"]
    file.unlink()
    with pytest.raises(ConfigurationError, match="ARGO_TOKEN_FILE"):
        client.get(NAME)


def test_disabled_certificate_checks_are_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = self_signed(tmp_path)
    with FileServer(tmp_path, tls=certificate.context) as server:
        server.routes[ONE] = answer({"metadata": {"name": NAME}})

        with pytest.raises(ConfigurationError, match="ARGO_CA_FILE"):
            ArgoClient(ArgoSettings(url=server.url)).get(NAME)
        unchecked = ArgoClient(ArgoSettings(url=server.url, verify_tls=False))
        assert [unchecked.get(NAME) for _ in range(2)] == [{"metadata": {"name": NAME}}] * 2

    assert caplog.messages == ["Argo's certificate is not checked (ARGO_VERIFY_TLS)."]
