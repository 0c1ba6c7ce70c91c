"""Spans and metrics, as a collector gets them from functions in processes of their own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from ogdc_shared.argo.state import TRACE_ANNOTATION
from support.argo_server import ArgoServer
from support.collector import Collector, attributes
from support.http import closed_port
from support.runs import bundle, recipe_files
from support.services import Service

HTTP = urllib3.PoolManager(retries=False, timeout=300)
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN_ID = "00f067aa0ba902b7"
PARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
Run = Callable[[str], Service]


@pytest.fixture
def collector(environment) -> Iterator[Collector]:
    """What the services of the test send to; all of it comes with their end."""
    with Collector() as collector:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        environment.setenv("OTEL_METRIC_EXPORT_INTERVAL", "600000")
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
        environment.setenv("ARGO_TIMEOUT", "10")
        yield collector


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "service.log"


def submit(service: Service, **headers: str) -> urllib3.BaseHTTPResponse:
    sent = {"Content-Type": "application/gzip", **headers}
    return HTTP.request("POST", f"{service.url}/submit", body=bundle(recipe_files()), headers=sent)


def tell(service: Service, workflow: dict[str, Any], *, id: str) -> None:
    headers = {
        "Content-Type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": id,
        "ce-source": "k8s",
        "ce-type": "dev.knative.apiserver.resource.update",
    }
    assert HTTP.request("POST", service.url, body=json.dumps(workflow), headers=headers).status == 204


def end(service: Service) -> None:
    HTTP.clear()  # the server gives idle connections two more seconds
    service.terminate()
    assert service.wait() == 0


def test_a_submission_is_a_trace_from_the_caller_to_argo(collector: Collector, log: Path, argo: ArgoServer):
    with Service("submit", log=log) as service:
        response = submit(service, traceparent=PARENT)
        assert response.status == 200
        [line] = [line for line in service.lines() if "submitted by" in line["message"]]
        end(service)

    asked, calling = sorted(collector.spans(), key=lambda span: span.start_time_unix_nano)
    assert (asked.name, asked.kind) == ("POST /submit", asked.SPAN_KIND_SERVER)
    assert asked.trace_id.hex() == calling.trace_id.hex() == TRACE_ID
    assert asked.parent_span_id.hex() == SPAN_ID
    assert attributes(asked) == {
        "http.request.method": "POST",
        "http.route": "/submit",
        "url.scheme": "http",
        "http.response.status_code": 200,
    }
    assert (calling.name, calling.kind) == ("POST Argo", calling.SPAN_KIND_CLIENT)
    assert calling.parent_span_id == asked.span_id
    assert line["span_id"] == asked.span_id.hex()
    assert response.headers["traceresponse"] == f"00-{TRACE_ID}-{asked.span_id.hex()}-01"
    assert argo.headers[0]["traceparent"] == f"00-{TRACE_ID}-{calling.span_id.hex()}-01"


def test_an_event_continues_the_runs_trace_and_is_linked_to_its_request(
    collector: Collector, log: Path, argo: ArgoServer
):
    with Service("submit", log=log) as service:
        name = submit(service, traceparent=PARENT).json()["recipe_workflow_name"]
        end(service)
    kept = argo.workflows[name]["metadata"]["annotations"][TRACE_ANNOTATION]
    before = len(collector.spans())
    with Service("argo_events", log=log) as service:
        tell(service, argo.advance(name, "Running"), id="1")
        end(service)

    applying, request = collector.spans()[before:]
    assert (applying.name, applying.kind) == ("apply event", applying.SPAN_KIND_CONSUMER)
    assert applying.trace_id.hex() == TRACE_ID != request.trace_id.hex()
    assert applying.parent_span_id.hex() == kept.split("-")[2]
    assert [link.span_id for link in applying.links] == [request.span_id]
    assert attributes(applying) == {"cloudevents.event_id": "1", "cloudevents.event_source": "k8s"}


def test_metrics_have_counts_durations_and_results(collector: Collector, log: Path, argo: ArgoServer):
    with Service("submit", log=log) as service:
        name = submit(service).json()["recipe_workflow_name"]
        assert submit(service).status == 409
        assert HTTP.request("GET", f"{service.url}/healthz").status == 200
        assert HTTP.request("GET", f"{service.url}/readyz").status == 200
        assert HTTP.request("GET", f"{service.url}/nothing").status == 404
        end(service)
    with Service("argo_events", log=log) as service:
        for number, phase in enumerate(["Running", "Succeeded", "Succeeded"]):
            tell(service, argo.advance(name, phase), id=str(number))
        tell(service, argo.workflows[name], id="2")
        tell(service, {"kind": "Pod"}, id="3")
        end(service)

    requests = {
        (seen.get("http.route"), seen["http.response.status_code"]): point
        for point in collector.points("http.server.request.duration")
        if (seen := attributes(point))
    }
    assert {key: point.count for key, point in requests.items()} == {
        ("/submit", 200): 1,
        ("/submit", 409): 1,
        (None, 404): 1,
        ("/", 204): 5,
    }
    assert 0 < requests["/submit", 200].sum < 30
    assert len(requests["/submit", 200].explicit_bounds) == 16
    assert counted(collector, "ogdc.runs.submitted") == {("user",): 1}
    assert counted(collector, "ogdc.events") == {("applied",): 3, ("known",): 1, ("ignored",): 1}
    assert counted(collector, "ogdc.runs.ended") == {("Succeeded",): 1}
    assert sum(point.count for point in collector.points("db.client.connection.wait_time")) > 5


def counted(collector: Collector, name: str) -> dict[tuple[Any, ...], int]:
    return {tuple(attributes(point).values()): point.as_int for point in collector.points(name)}


def test_a_failure_is_recorded_in_the_span(collector: Collector, log: Path, argo: ArgoServer):
    argo.faults["create"] = "reject"
    with Service("submit", log=log) as service:
        assert submit(service).status == 500
        end(service)

    failed = {span.name: attributes(span).get("error.type") for span in collector.spans()}
    assert failed == {"POST /submit": "500", "POST Argo": None}
    [span] = [span for span in collector.spans() if span.name == "POST /submit"]
    assert span.status.code == span.status.STATUS_CODE_ERROR


def test_telemetry_has_resource_attributes(collector: Collector, environment, log: Path):
    environment.setenv("OTEL_SERVICE_NAME", "ogdc-status")
    environment.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    with Service("status", log=log) as service:
        assert HTTP.request("GET", f"{service.url}/runs").status == 200
        end(service)

    assert len(collector.resources()) == 2
    for resource in collector.resources():
        assert resource["service.name"] == "ogdc-status"
        assert resource["deployment.environment.name"] == "test"
        assert resource["service.version"]
    instances = {resource["service.instance.id"] for resource in collector.resources()}
    assert len(instances) == 1, "of one process, and another's has another"


@pytest.mark.parametrize("left_out", [{"traces"}, {"metrics"}, {"traces", "metrics"}])
def test_traces_and_metrics_can_be_disabled_separately(
    collector: Collector, environment, log: Path, left_out: set[str]
):
    for what in left_out:
        environment.setenv(f"OTEL_{what.upper()}_EXPORTER", "none")
    with Service("status", log=log) as service:
        response = HTTP.request("GET", f"{service.url}/runs", headers={"traceparent": PARENT})
        end(service)

    assert {path for path, _ in collector.messages} == {
        f"/v1/{what}" for what in {"traces", "metrics"} - left_out
    }
    assert response.headers["traceresponse"].split("-")[1] == TRACE_ID


def test_an_unreachable_collector_delays_no_request(environment, log: Path):
    environment.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    with closed_port() as url:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        with Service("status", log=log) as service:
            begun = time.monotonic()
            assert HTTP.request("GET", f"{service.url}/runs").status == 200
            assert time.monotonic() - begun < 30
            begun = time.monotonic()
            end(service)
            assert time.monotonic() - begun < 30
            assert any("Failed to export" in line["message"] for line in service.lines())
