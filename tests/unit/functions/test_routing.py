from __future__ import annotations

import pytest
from flask import Flask, Request, Response
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from ogdc_functions.http.responses import json_response
from ogdc_functions.http.routing import Call, Served, build_function
from ogdc_shared.api.answers import OutputResponse
from ogdc_shared.api.routes import Route
from ogdc_shared.auth.permissions import READ
from ogdc_shared.config import Settings
from ogdc_shared.context import Context
from ogdc_shared.errors import InvalidRequestError

METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "X"])


def tell(call: Call, **parameters: str) -> Response:
    return json_response({**parameters, "caller": call.caller.name})


def fail(_call: Call, **_parameters: str) -> Response:
    raise InvalidRequestError("no")


def answer(_call: Call) -> OutputResponse:
    return OutputResponse(data_url="…")


def route(method: str, path: str) -> Route:
    return Route("a", method, path, (), READ, "", max_body=10)


FUNCTION = build_function(
    {
        (method, path): (route(method, path), handler)
        for method, path, handler in (
            ("GET", "/runs/{name}", tell),
            ("POST", "/runs/{name}", fail),
            ("GET", "/runs/{name}/logs", tell),
            ("GET", "/runs/{name}/tiles/{level}/{column}.png", tell),
            ("POST", "/", tell),
            ("GET", "/struct", answer),
        )
    },
    Context(Settings(access_mode="open")),
)


def call(method: str, path: str, *, function: Served = FUNCTION, **options: object) -> Response:
    builder = EnvironBuilder(path=path, method=method, **options)  # type: ignore[arg-type]
    with Flask("x").app_context():
        return function(Request(builder.get_environ()))


@pytest.mark.parametrize("path", ["/runs/seals-1", "/api/runs/seals-1", "/runs/seals-1/", "/runs/seals%2D1"])
def test_a_path_segment_is_passed_as_the_name_of_the_run(path: str):
    assert call("GET", path).get_json() == {"name": "seals-1", "caller": "anonymous"}


def test_a_path_may_have_several_parameters():
    found = call("GET", "/api/runs/a/tiles/3/12.png").get_json()

    assert found == {"name": "a", "level": "3", "column": "12", "caller": "anonymous"}


def test_the_caller_is_identified():
    assert call("GET", "/runs/a", headers={"OGDC-User": "anna"}).get_json()["caller"] == "anna"


def test_a_struct_is_answered_as_json():
    assert call("GET", "/struct").get_data() == '{"data_url": "…"}'.encode()


def test_exceptions_of_a_handler_become_responses():
    assert call("POST", "/runs/a").status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/run/a", "/runs", "/runs/a/b", "/runs//logs", "/apis/runs/a", "/apiruns/a", "/.", "/runs/a%2Fb"],
)
def test_other_paths_are_not_found(path: str):
    assert call("GET", path).status_code == 404


def test_a_405_lists_the_allowed_methods():
    response = call("DELETE", "/runs/a")

    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "POST"}


def test_a_405_includes_methods_of_other_functions():
    response = call("GET", "/submit")

    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
def test_the_size_limit_of_a_body_depends_on_the_route(size: int, status: int):
    assert call("POST", "/", data=bytes(size), content_type="application/gzip").status_code == status


@given(method=METHODS, path=st.text(max_size=30))
def test_any_request_gets_an_answer_of_json(method: str, path: str):
    response = call(method, f"/{path}")

    assert response.status_code in {200, 400, 404, 405}
    assert isinstance(response.get_json(), dict)
