from __future__ import annotations

import re

import pytest

from ogdc_functions import argo_events, status, submit, upload
from ogdc_functions.http.openapi import document
from ogdc_shared.config import Settings
from ogdc_shared.context import Context


def offered(module, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """The method and path of every route a service builds."""
    seen: list = []
    monkeypatch.setattr(module, "build_function", lambda routes, **_: seen.extend(routes))
    module.build(Context(Settings(access_mode="open")))
    return {(route.method.lower(), route.path) for route in seen}


def test_every_route_is_described_and_no_other(monkeypatch: pytest.MonkeyPatch):
    described = {(method, path) for path, methods in document()["paths"].items() for method in methods}

    routes = offered(status, monkeypatch) | offered(submit, monkeypatch)
    assert described - {("get", "/healthz")} == routes - {("get", "/"), ("get", "/openapi.json")}
    ready = ("get", "/readyz")
    assert offered(argo_events, monkeypatch) == {("post", "/"), ("post", "/events/argo"), ready}
    assert offered(upload, monkeypatch) == {("post", "/"), ("post", "/events/upload"), ready}


def test_every_reference_leads_somewhere():
    text = repr(document())
    names = set(re.findall(r"#/components/schemas/(\w+)", text))

    assert names
    assert names <= set(document()["components"]["schemas"])


def test_every_parameter_of_a_path_is_described():
    for path, methods in document()["paths"].items():
        for operation in methods.values():
            in_path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path))
