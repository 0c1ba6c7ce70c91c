from __future__ import annotations

import pytest
from flask import Flask, Request, Response
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from ogdc_functions.http.responses import json_response
from ogdc_functions.http.routing import Call, Function, Route, build_function
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.telemetry.base import Telemetry

METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "X"])


def tell(call: Call) -> Response:
    return json_response({"name": call.name, "caller": call.caller.name})


def fail(_: Call) -> Response:
    raise InvalidRequestError("no")


FUNCTION = build_function(
    [
        Route("GET", "/runs/{name}", tell),
        Route("POST", "/runs/{name}", fail),
        Route("GET", "/runs/{name}/logs", tell),
        Route("POST", "/", tell, max_body=10),
    ],
    access_mode="open",
    telemetry=Telemetry(),
)


def call(method: str, path: str, *, function: Function = FUNCTION, **options: object) -> Response:
    builder = EnvironBuilder(path=path, method=method, **options)  # type: ignore[arg-type]
    with Flask("x").app_context():
        return function(Request(builder.get_environ()))


@pytest.mark.parametrize("path", ["/runs/seals-1", "/api/runs/seals-1", "/runs/seals-1/", "/runs/seals%2D1"])
def test_a_segment_of_the_path_is_the_runs_name(path: str):
    assert call("GET", path).get_json() == {"name": "seals-1", "caller": "anonymous"}


def test_the_caller_is_told_apart():
    assert call("GET", "/runs/a", headers={"OGDC-User": "anna"}).get_json()["caller"] == "anna"


def test_what_a_handler_raises_is_an_answer():
    assert call("POST", "/runs/a").status_code == 400


@pytest.mark.parametrize(
    "path", ["/run/a", "/runs", "/runs/a/b", "/runs//logs", "/apis/runs/a", "/.", "/runs/a%2Fb"]
)
def test_other_paths_are_not_found(path: str):
    assert call("GET", path).status_code == 404


def test_other_methods_are_told_which_there_are():
    response = call("DELETE", "/runs/a")

    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "POST"}


def test_every_service_can_be_probed():
    assert call("GET", "/healthz").get_json() == {"status": "ok"}


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
def test_a_body_is_as_large_as_its_route_allows(size: int, status: int):
    assert call("POST", "/", data=bytes(size), content_type="application/gzip").status_code == status


@given(method=METHODS, path=st.text(max_size=30))
def test_any_request_gets_an_answer_of_json(method: str, path: str):
    response = call(method, f"/{path}")

    assert response.status_code in {200, 400, 404, 405}
    assert isinstance(response.get_json(), dict)
