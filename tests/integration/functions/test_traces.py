"""A request's trace: from its headers to log lines, to Argo, and back with the workflow's events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import urllib3

from ogdc_shared.argo.state import TRACE_ANNOTATION
from ogdc_shared.db.database import Database
from ogdc_shared.telemetry.tracing import read_trace
from support import uploads
from support.argo_server import ArgoServer
from support.http import FileServer
from support.runs import bundle, recipe_files
from support.services import Service

HTTP = urllib3.PoolManager(retries=False, timeout=300)
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def services(environment, tmp_path: Path) -> Iterator[Any]:
    """Start a service by its name, in a process of its own."""
    environment.setenv("ARGO_TIMEOUT", "10")
    with ExitStack() as running:
        yield lambda name: running.enter_context(Service(name, log=tmp_path / f"{name}.log"))


def submit(service: Service, **headers: str) -> urllib3.BaseHTTPResponse:
    sent = {"Content-Type": "application/gzip", **headers}
    return HTTP.request("POST", f"{service.url}/submit", body=bundle(recipe_files()), headers=sent)


def tell(service: Service, workflow: dict[str, Any], **headers: str) -> int:
    sent = {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": "event-1",
        "ce-source": "https://10.0.0.1:443",
        "ce-type": "dev.knative.apiserver.resource.update",
        **headers,
    }
    return HTTP.request("POST", service.url, body=json.dumps(workflow), headers=sent).status


def ends(service: Service, run: str) -> list[str]:
    """The statuses that a service's log says a run ended with."""
    began = f"run {run} ended: "
    return [line["message"].removeprefix(began) for line in service.lines() if began in line["message"]]


def test_the_callers_trace_is_in_logs_response_workflow_and_record(
    services, argo: ArgoServer, database: Database
):
    service = services("submit")
    response = submit(service, traceparent=PARENT, tracestate="vendor=x")

    name = response.json()["recipe_workflow_name"]
    [line] = [line for line in service.lines() if "submitted by" in line["message"]]
    assert (line["trace_id"], line["span_id"], line["run"]) == (TRACE_ID, SPAN_ID, name)
    assert response.headers["traceresponse"] == PARENT
    assert argo.workflows[name]["metadata"]["annotations"] == {TRACE_ANNOTATION: PARENT}
    assert argo.headers[0]["traceparent"] == PARENT
    assert argo.headers[0]["tracestate"] == "vendor=x"
    with database.autocommit() as conn:
        [(manifest,)] = conn.execute("SELECT manifest FROM runs")
    assert manifest["metadata"]["annotations"] == {TRACE_ANNOTATION: PARENT}


@pytest.mark.parametrize("parent", [None, "{{workflow.name}}", PARENT + "-{{x}}", PARENT.upper()])
def test_a_request_without_a_valid_trace_starts_a_new_one(services, argo: ArgoServer, parent):
    service = services("submit")
    response = submit(service, **({} if parent is None else {"traceparent": parent}))

    [workflow] = argo.workflows.values()
    kept = workflow["metadata"]["annotations"][TRACE_ANNOTATION]
    trace = read_trace(kept)
    assert trace is not None
    assert trace.trace_id != TRACE_ID
    assert response.headers["traceresponse"] == kept
    assert {line["trace_id"] for line in service.lines()} == {trace.trace_id}


def test_a_failure_is_logged_in_its_trace(services, argo: ArgoServer):
    argo.faults["create"] = "reject"
    service = services("submit")

    assert submit(service, traceparent=PARENT).status == 500

    lines = service.lines()
    assert any("internal error" in line["message"] for line in lines)
    assert {line["trace_id"] for line in lines} == {TRACE_ID}


def test_an_event_is_logged_in_the_trace_of_its_run(services, argo: ArgoServer):
    name = submit(services("submit"), traceparent=PARENT).json()["recipe_workflow_name"]
    events = services("argo_events")

    assert tell(events, argo.advance(name, "Succeeded"), traceparent=OTHER) == 204

    [line] = [line for line in events.lines() if "ended" in line["message"]]
    assert line["message"] == f"run {name} ended: Succeeded"
    assert (line["trace_id"], line["run"]) == (TRACE_ID, name)
    assert (line["event_id"], line["event_source"]) == ("event-1", "https://10.0.0.1:443")


def test_an_event_without_a_run_trace_is_logged_in_its_own_trace(services, argo: ArgoServer):
    name = submit(services("submit")).json()["recipe_workflow_name"]
    workflow = argo.advance(name, "Failed")
    workflow["metadata"]["annotations"] = {TRACE_ANNOTATION: "{{nonsense}}"}
    events = services("argo_events")

    assert tell(events, workflow, traceparent=OTHER, **{"ce-traceparent": PARENT}) == 204

    assert {line["trace_id"] for line in events.lines()} == {TRACE_ID}


def test_the_end_of_a_run_is_logged_once(services, argo: ArgoServer, database: Database):
    name = submit(services("submit")).json()["recipe_workflow_name"]
    events = services("argo_events")

    for number, phase in enumerate(["Running", "Failed", "Failed", "Running", "Succeeded", "Succeeded"]):
        assert tell(events, argo.advance(name, phase), **{"ce-id": str(number)}) == 204

    assert ends(events, name) == ["Failed"], "an event alone does not turn one end into another"
    status = services("status")
    for _ in range(2):
        assert HTTP.request("GET", f"{status.url}/runs/{name}").json()["status"] == "Succeeded"
    assert ends(status, name) == ["Succeeded"], "Argo's own answer does, once"
    assert tell(events, argo.advance(name, "Succeeded"), **{"ce-id": "late"}) == 204
    assert ends(events, name) == ["Failed"]


def test_an_interrupted_log_stream_is_logged_in_the_readers_trace(services, argo: ArgoServer):
    name = submit(services("submit")).json()["recipe_workflow_name"]
    argo.logs[name] = [("pod", "one"), (None, "the pod went away")]
    status = services("status")

    text = HTTP.request("GET", f"{status.url}/runs/{name}/logs", headers={"traceparent": PARENT}).data
    assert b"breaks off here" in text

    [line] = [line for line in status.lines() if "broke off" in line["message"]]
    assert (line["trace_id"], line["run"]) == (TRACE_ID, name)


def test_a_run_started_by_an_upload_has_the_trace_of_the_upload(
    upload, submit, argo: ArgoServer, tmp_path: Path
):
    (tmp_path / "recipe.tar.gz").write_bytes(bundle(recipe_files(output="temporary")))
    with FileServer(tmp_path) as site:
        asked = {"name": "new", "bucket": "uploads", "recipe_path": f"{site.url}/recipe.tar.gz"}
        assert submit.post("/triggers", json=asked | {"pass_object": False}).status_code == 200
        message = uploads.aws_adapter(uploads.Object(), mode=uploads.binary)
        headers = message.headers | {"traceparent": OTHER, "ce-traceparent": PARENT}
        assert upload.post("/", data=message.body, headers=headers).status_code == 204

    [workflow] = argo.workflows.values()
    assert workflow["metadata"]["annotations"][TRACE_ANNOTATION] == PARENT


def test_a_dead_letter_is_logged_with_its_event(services):
    service = services("dead_letters")

    assert tell(service, {}, **{"ce-traceparent": PARENT}) == 204

    [line] = service.lines()
    assert (line["event_id"], line["trace_id"]) == ("event-1", TRACE_ID)
