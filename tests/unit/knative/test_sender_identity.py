"""Senders of events show who they are, where the component has them do so."""

from __future__ import annotations

from typing import Any

import pytest

from ogdc_shared.api.routes import ROUTES
from ogdc_shared.config import Settings
from support.manifests import Manifest, of_kind, problems, rendered

SERVING = "serving.knative.dev"
TAKING = {
    name.replace("_", "-") for route in ROUTES if route.permission.from_source for name in route.functions
}


@pytest.fixture(scope="module")
def manifests() -> tuple[Manifest, ...]:
    return rendered("../tests/unit/knative/senders")


def pod(function: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = function["spec"]["template"]["spec"]
    return spec


def settings(function: Manifest) -> Settings:
    [container] = pod(function)["containers"]
    given = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    return Settings.from_env({name: value for name, value in given.items() if name == "OGDC_EVENT_ISSUERS"})


@pytest.mark.slow
def test_all_that_is_applied_is_valid(manifests: tuple[Manifest, ...]):
    assert [problem for each in manifests if (problem := problems(each))] == []


@pytest.mark.slow
def test_every_function_that_takes_events_verifies_them_and_no_other(manifests: tuple[Manifest, ...]):
    functions = of_kind(manifests, "Service", group=SERVING)
    assert {name for name, each in functions.items() if settings(each).oidc.has_sources} == TAKING


def test_senders_use_the_audience_that_functions_expect(manifests: tuple[Manifest, ...]):
    [audience] = {
        each.audience
        for name, function in of_kind(manifests, "Service", group=SERVING).items()
        if name in TAKING
        for each in settings(function).oidc.sources
    }
    triggers = of_kind(manifests, "Trigger").values()
    sent = [each["spec"]["subscriber"] for each in triggers]
    sent += [each["spec"]["delivery"]["deadLetterSink"] for each in of_kind(manifests, "Broker").values()]
    sent += [each["spec"]["sink"] for each in of_kind(manifests, "PingSource").values()]
    assert {(each["audience"],) for each in sent} == {audience}


def test_functions_have_the_token_for_the_api_server(manifests: tuple[Manifest, ...]):
    functions = of_kind(manifests, "Service", group=SERVING)
    for function in (functions[name] for name in TAKING):
        [volume] = [each for each in pod(function)["volumes"] if each["name"] == "cluster"]
        [mount] = [
            each for each in pod(function)["containers"][0]["volumeMounts"] if each["name"] == "cluster"
        ]
        token, authority = volume["projected"]["sources"]
        there = {
            token["serviceAccountToken"]["path"],
            *(each["path"] for each in authority["configMap"]["items"]),
        }
        [issuer] = settings(function).oidc.sources
        assert {issuer.token_file, issuer.ca_file} == {f"{mount['mountPath']}/{name}" for name in there}


def test_they_reach_the_api_server(manifests: tuple[Manifest, ...]):
    policy = of_kind(manifests, "NetworkPolicy")["functions-to-the-api-server"]
    [chosen] = policy["spec"]["podSelector"]["matchExpressions"]
    assert set(chosen["values"]) == TAKING
