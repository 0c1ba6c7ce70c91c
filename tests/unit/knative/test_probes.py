"""When functions count as ready and as alive, and how long they have to end."""

from __future__ import annotations

from typing import Any

import pytest

from support.manifests import OVERLAYS, Manifest, of_kind, rendered

DRAIN_SECONDS = 30
"""For how long queue-proxy has to be asked nothing; knative/serving pkg/queue/sharedmain/main.go."""
GRACEFUL_SECONDS = 30
"""What gunicorn gives requests that are in progress, by default."""


@pytest.fixture(params=OVERLAYS)
def functions(request: pytest.FixtureRequest) -> dict[str, Manifest]:
    return of_kind(rendered(f"overlays/{request.param}"), "Service", group="serving.knative.dev")


def container(manifest: Manifest) -> dict[str, Any]:
    [found] = manifest["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_a_function_is_ready_with_its_database_and_alive_without(functions: dict[str, Manifest]):
    probed = {
        name: tuple(
            container(each)[f"{probe}Probe"]["httpGet"]["path"] for probe in ("readiness", "liveness")
        )
        for name, each in functions.items()
    }

    with_database = dict.fromkeys(
        ["submit", "status", "argo-events", "upload", "users"], ("/readyz", "/healthz")
    )
    assert probed == with_database | {"dead-letters": ("/healthz", "/healthz")}


def test_probes_are_valid_for_knative(functions: dict[str, Manifest]):
    """Source: knative/serving pkg/apis/serving/k8s_validation.go (validateReadinessProbe)."""
    for each in functions.values():
        probe = container(each)["readinessProbe"]
        assert probe["periodSeconds"] > 0
        assert probe["timeoutSeconds"] >= 1
        assert probe["failureThreshold"] >= 1
        assert probe["successThreshold"] >= 1
        assert "port" not in probe["httpGet"]


def test_there_is_time_to_drain_and_to_end(functions: dict[str, Manifest]):
    """Knative gives a pod its revision's timeout: pkg/reconciler/revision/resources/deploy.go."""
    for each in functions.values():
        assert each["spec"]["template"]["spec"]["timeoutSeconds"] >= DRAIN_SECONDS + GRACEFUL_SECONDS


def test_each_function_has_its_own_service_name(functions: dict[str, Manifest]):
    for name, each in functions.items():
        environment = {entry["name"]: entry.get("value") for entry in container(each)["env"]}
        assert environment["OTEL_SERVICE_NAME"] == f"ogdc-{name}"
