"""The table of routes is what the services do: no handler is missing, and none is left over."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from flask import Flask, Request
from werkzeug.test import EnvironBuilder

from ogdc_functions import (
    argo_events,
    dead_letters,
    login,
    processes,
    status,
    submit,
    triggers,
    upload,
    users,
    webhooks,
)
from ogdc_functions.http.serving import serve
from ogdc_shared.api import routes
from ogdc_shared.api.answers import VersionResponse
from ogdc_shared.api.routes import ROUTES, Function, Route, routes_of
from ogdc_shared.auth.permissions import READ
from ogdc_shared.config import Settings
from ogdc_shared.context import Context

SERVICES = {
    Function.SUBMIT: submit,
    Function.STATUS: status,
    Function.ARGO_EVENTS: argo_events,
    Function.UPLOAD: upload,
    Function.USERS: users,
    Function.DEAD_LETTERS: dead_letters,
}
PROBES = {"health", "ready"}


@pytest.fixture
def context() -> Context:
    return Context(Settings(access_mode="open"))


@pytest.mark.parametrize("function", Function)
def test_every_route_has_a_handler(function: Function, context: Context):
    """Building a service raises an error if a route has no handler, see the last test."""
    assert SERVICES[function].build(context)


HANDLED = [route for route in ROUTES if route.name not in PROBES]


@pytest.mark.parametrize("route", HANDLED, ids=lambda route: route.name)
def test_handlers_accept_the_parameters_of_their_path(route: Route):
    modules = [SERVICES[route.functions[0]], triggers, processes, login, webhooks]
    (handler,) = [vars(module)[route.name] for module in modules if route.name in vars(module)]

    assert list(inspect.signature(handler).parameters)[2:] == re.findall(r"{(\w+)}", route.path)


def test_routes_are_unique():
    assert len({route.name for route in ROUTES}) == len(ROUTES)
    for function in Function:
        asked = [(route.method, route.path) for route in routes_of(function)]
        assert len(set(asked)) == len(asked)


def test_reading_routes_use_get():
    for route in ROUTES:
        if route.method == "GET":
            assert not route.permission.writes, route.name
            assert {Function.STATUS, Function.USERS} & {*route.functions}
        elif route.permission.role:
            assert route.permission.writes or route.name == "validate"


def test_a_reading_route_needs_only_a_row_and_a_handler(context: Context, monkeypatch: pytest.MonkeyPatch):
    """Nothing else has to know of it: it is served, described, listed and refused by its method at once."""
    from ogdc_functions.http import openapi

    def tile(_context: Context, _call: object, name: str, level: str) -> VersionResponse:
        return VersionResponse(ogdc_runner_version=f"{name} at {level}")

    row = Route(
        "tile",
        "GET",
        "/runs/{name}/tiles/{level}",
        (Function.STATUS,),
        READ,
        "A tile",
        VersionResponse,
        errors=(404,),
    )
    monkeypatch.setattr(status, "tile", tile, raising=False)
    for module in (routes, openapi):
        monkeypatch.setattr(module, "ROUTES", (*ROUTES, row))
    function = status.build(context)

    def ask(method: str, path: str) -> Any:
        with Flask("x").app_context():
            return function(Request(EnvironBuilder(path=path, method=method).get_environ()))

    assert ask("GET", "/runs/a/tiles/3").get_json() == {"ogdc_runner_version": "a at 3"}
    assert ask("POST", "/runs/a/tiles/3").headers["Allow"] == "GET"
    assert row.path in ask("GET", "/").get_json()["paths"]
    described = openapi.document.__wrapped__()["paths"][row.path]["get"]
    assert [parameter["name"] for parameter in described["parameters"]] == ["name", "level", "OGDC-User"]


def test_a_route_without_a_handler_is_named_at_the_start(context: Context):
    with pytest.raises(LookupError, match="'submit'"):
        serve(Function.SUBMIT, context, status)
