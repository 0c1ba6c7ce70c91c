"""What keeps logs and metrics: valid for every API, and about metrics that the functions send."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ogdc_shared.telemetry import base as telemetry
from support.manifests import KNATIVE, Manifest, of_kind, problems, rendered

DIRECTORY = KNATIVE / "observability"
SUFFIXES = {
    telemetry.REQUEST_DURATION: "_seconds",
    telemetry.CONNECTION_WAIT: "_seconds",
    telemetry.EVENTS: "_total",
    telemetry.RUNS_SUBMITTED: "_total",
    telemetry.RUNS_ENDED: "_total",
}
"""What Prometheus puts behind a name for its unit and kind.

Source: opentelemetry.io, "Prometheus and OpenMetrics Compatibility", "OTLP Metric points to Prometheus".
"""
METRICS = {name.replace(".", "_") + suffix for name, suffix in SUFFIXES.items()}
JOBS = {"ogdc-submit", "ogdc-status", "ogdc-argo-events", "ogdc-upload", "ogdc-users", "ogdc-dead-letters"}


@pytest.fixture(scope="module")
def manifests() -> tuple[Manifest, ...]:
    return rendered("observability")


def containers(manifests: tuple[Manifest, ...]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each container, with its pod."""
    for each in manifests:
        pod = each.get("spec", {}).get("template", {}).get("spec", {})
        for container in pod.get("containers", []):
            yield container, pod


def rules() -> list[dict[str, Any]]:
    return [rule for group in read("rules.yaml")["groups"] for rule in group["rules"]]


def read(name: str) -> Any:
    return yaml.safe_load((DIRECTORY / name).read_text())


def queries() -> list[str]:
    """Every question that is put to Prometheus."""
    board = json.loads((DIRECTORY / "dashboards/ogdc.json").read_text())
    shown = [
        target["expr"]
        for panel in board["panels"]
        for target in panel["targets"]
        if target["datasource"]["uid"] == "prometheus"
    ]
    return [rule["expr"] for rule in rules()] + shown


@pytest.mark.slow
def test_all_that_is_applied_is_valid(manifests):
    found = {f"{each['kind']}/{each['metadata']['name']}": problems(each) for each in manifests}

    assert {name: problem for name, problem in found.items() if problem} == {}


@pytest.mark.slow
def test_only_the_collector_reads_a_nodes_files_and_it_cannot_write_logs(manifests):
    for container, pod in containers(manifests):
        from_node = {volume["name"] for volume in pod["volumes"] if "hostPath" in volume}
        writable = {m["name"] for m in container["volumeMounts"] if not m.get("readOnly")} & from_node
        assert (container["name"] == "collector") == bool(from_node)
        assert writable <= {"state"}


def test_every_container_is_confined_and_pinned(manifests):
    for container, pod in containers(manifests):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"]["drop"] == ["ALL"]
        assert pod["automountServiceAccountToken"] is False
        assert container["resources"]["limits"]["memory"]
        assert re.search(r":v?\d+\.\d+\.\d+$", container["image"])


def test_every_queried_metric_is_sent():
    for query in queries():
        asked = set(re.findall(r"\b(?:http|db|ogdc)_[a-z_]+(?=[{\[ )]|$)", re.sub(r"\{.*?\}", "{}", query)))
        asked -= {"http_response_status_code", "http_route", "ogdc_run_status", "ogdc_event_outcome"}
        asked -= {"ogdc_run_started_by"}
        assert {re.sub("_(bucket|count|sum)$", "", name) for name in asked} <= METRICS, query
        assert asked, query


def test_every_alert_is_about_a_function_that_is_there_and_says_what_to_do():
    for rule in rules():
        named = re.findall(r'job="([^"]+)"', rule["expr"])
        assert set(named) <= JOBS
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in {"warning", "critical"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Prometheus")
def test_alerts_are_raised_by_functions_that_come_and_go():
    asked = ["promtool", "test", "rules", "tests/unit/knative/rules_test.yaml"]
    done = subprocess.run(asked, cwd=KNATIVE.parent, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_documentation_lists_every_alert():
    page = (KNATIVE.parent / "docs" / "install.md").read_text()

    assert [rule["alert"] for rule in rules() if f"`{rule['alert']}`" not in page] == []


def test_the_parts_find_each_other(manifests):
    ports = {
        name: {port["port"] for port in service["spec"]["ports"]}
        for name, service in of_kind(manifests, "Service").items()
    }
    texts = [read("collector-config.yaml"), read("datasources.yaml")]
    asked = {(host, int(port)) for host, port in re.findall(r"http://([a-z]+):(\d+)", json.dumps(texts))}

    assert all(port in ports[host] for host, port in asked)
    assert {host for host, _ in asked} == {"loki", "prometheus"}


def test_policies_of_the_functions_allow_the_collector():
    policy = of_kind(rendered("overlays/local"), "NetworkPolicy")["functions-outwards"]["spec"]
    [namespace] = of_kind(rendered("observability"), "Namespace")
    led = {
        rule["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]: rule["ports"]
        for rule in policy["egress"]
    }

    assert led[namespace] == [{"protocol": "TCP", "port": 4318}]
