"""Generated requests: every response follows the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from ogdc_functions.http.openapi import document
from ogdc_functions.http.paths import Paths
from ogdc_shared.api.routes import ROUTES, Function
from ogdc_shared.auth.permissions import Role
from ogdc_shared.db.database import Database
from support.accounts import member
from support.argo_server import ArgoServer
from support.effort import THOROUGH
from support.packed_bodies import send_packed_bodies
from support.runs import recipe_files, started, tell

send_packed_bodies()
EXAMPLES = 20 if THOROUGH else 4
"""Requests for each operation, each of which takes longer to make than to answer; `make fuzz` sends more."""
CONFORMS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
OPERATIONS = [(method, path) for path, methods in document()["paths"].items() for method in methods]


def takes_anything(method: str, path: str) -> bool:
    operation = document()["paths"][path][method]
    return bool(operation["parameters"] or operation.get("requestBody"))


CASES = [
    ("open", GenerationMode.POSITIVE),
    ("authenticated", GenerationMode.POSITIVE),
    ("authenticated", GenerationMode.NEGATIVE),
]
if THOROUGH:  # what is wrong is refused alike, whoever may call
    CASES.append(("open", GenerationMode.NEGATIVE))


@pytest.fixture
def environment(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    environment.setenv("ACCESS_MODE", request.param)
    environment.setenv("OGDC_MAX_QUEUED_RUNS", "0")
    return environment


@pytest.fixture
def services(serve: Callable[[str], FlaskClient], database: Database) -> dict[str, FlaskClient]:
    """Those that are asked by callers, each called by an admin."""
    clients = {name: serve(name) for name in ("submit", "status", "users")}
    admin = member(database, "ada", Role.ADMIN)
    for client in clients.values():
        client.environ_base |= {"HTTP_AUTHORIZATION": admin.headers["Authorization"]}
    return clients


@pytest.fixture
def api(services: dict[str, FlaskClient]) -> Callable[..., Any]:
    """All of them at one place, as a gateway offers them."""
    by_path = Paths(route.path for route in ROUTES)
    chosen = {(route.method, route.path): str(route.functions[0]) for route in ROUTES}

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        template, _ = by_path.find(environ["PATH_INFO"]) or ("", {})
        client = services.get(chosen.get((environ["REQUEST_METHOD"], template), ""), services["status"])
        return client.application({**client.environ_base, **environ}, start_response)

    return application


@pytest.fixture
def names(services: dict[str, FlaskClient], argo_events: FlaskClient, argo: ArgoServer) -> list[str]:
    """Names of a run at work, one that has failed, and a trigger."""
    submit = services["submit"]
    running, failed = started(submit), started(submit, files=recipe_files("Other"))
    tell(argo_events, argo.advance(running, "Running"))
    tell(argo_events, argo.advance(failed, "Failed"))
    assert submit.post("/triggers", json={"name": "tiles", "bucket": "uploads"}).status_code == 200
    return [running, failed, "tiles"]


@pytest.mark.parametrize(
    ("environment", "mode"),
    CASES,
    indirect=["environment"],
    ids=[f"{access}-{mode.value}" for access, mode in CASES],
)
def test_every_response_follows_the_openapi_document(api, names: list[str], mode: GenerationMode):
    described = schemathesis.openapi.from_wsgi("/openapi.json", api)

    for method, path in OPERATIONS:
        operation = described[path][method]
        if mode is GenerationMode.NEGATIVE and not takes_anything(method, path):
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), known=st.none() | st.sampled_from(names))
        def ask(case: schemathesis.Case, known: str | None) -> None:
            if known is not None and "{name}" in case.path:
                case.path_parameters = {**case.path_parameters, "name": known}
            case.call_and_validate(checks=CONFORMS)

        ask()


@pytest.mark.parametrize("environment", ["authenticated"], indirect=True)
def test_the_bounds_of_parameters_in_the_openapi_document_are_those_of_the_services(
    services: dict[str, FlaskClient],
):
    checked = 0
    of_users = {route.path for route in ROUTES if Function.USERS in route.functions}
    for path, methods in document()["paths"].items():
        for parameter in methods.get("get", {}).get("parameters", []):
            schema = parameter["schema"]
            if parameter["in"] != "query" or "{" in path or not schema.keys() & {"maximum", "enum"}:
                continue
            good = schema.get("enum") or [schema["minimum"], schema["maximum"]]
            bad = [schema["minimum"] - 1, schema["maximum"] + 1] if "maximum" in schema else ["other"]
            for value, code in [*((value, 200) for value in good), *((value, 400) for value in bad)]:
                client = services["users" if path in of_users else "status"]
                assert client.get(path, query_string={parameter["name"]: value}).status_code == code
            checked += 1
    assert checked > 10
