"""The OpenAPI document, generated from the table of routes on the first request."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version
from typing import Any

from msgspec import Struct
from msgspec.json import schema_components

from ogdc_functions.http.process_problems import PROBLEM_JSON
from ogdc_shared.api.answers import Problem
from ogdc_shared.api.fields import NAME
from ogdc_shared.api.process_answers import ProcessProblem
from ogdc_shared.api.routes import MAX_KEY, ROUTES, Route
from ogdc_shared.well_known import PROTECTED_RESOURCE

_REF = "#/components/schemas/{name}"
_PATH = {
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": NAME},
    "description": "Name of the run or trigger, or id of the user, token or webhook.",
}
_FILE_PATH = _PATH | {
    "schema": {"type": "string", "minLength": 1},
    "description": "As listed by `GET /runs/{name}/outputs`; slashes need not be encoded.",
}
_STAGE_PATH = _PATH | {"description": "As listed by `GET /runs/{name}`, such as `process`."}
_PARTITION_PATH = _PATH | {
    "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
    "description": "Its number, counted from 0.",
}
_PROCESS_PATH = _PATH | {
    "schema": {"type": "string", "pattern": "^[a-z0-9.-]+$", "maxLength": 63},
    "description": "As listed by `GET /processes`.",
}
_PATHS = {"process": _PROCESS_PATH, "path": _FILE_PATH, "stage": _STAGE_PATH, "partition": _PARTITION_PATH}
_RANGE = {
    "name": "Range",
    "in": "header",
    "schema": {"type": "string", "pattern": r"^bytes=(\d+-\d*|-\d+)$"},
    "description": "A single byte range; several are answered with the whole file.",
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "schema": {"type": "string", "pattern": '^(W/)?"[!#-~]+"$'},
    "description": "The ETag of a previous response: 304 if it has not changed.",
}
_USER = {
    "name": "OGDC-User",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,126}[!-~])?$"},
    "description": "The caller's name, trusted only if ACCESS_MODE is `open` or `read_only`.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": f"^[!-~]([ -~]{{0,{MAX_KEY - 2}}}[!-~])?$"},
    "description": "Repeated requests with the same key start one run.",
}
_BUNDLES = ("application/gzip", "application/zip")
_CONTENT: dict[str, dict[str, Any]] = {
    "application/zip": {"type": "string", "format": "binary"},
    "application/ld+json": {"type": "object"},
}
"""Schemas of media types other than text and our structs."""
_ANYWHERE = (400, 408, 413, 500, 503)
"""Errors that any route may answer with."""
_WHERE_CALLERS_COUNT = (401, 403, 429)
"""Errors of routes that need to know the caller."""
_MEANING = {
    400: "The request is malformed, or has a value out of range.",
    401: "The caller is not authenticated.",
    403: "The caller is not allowed to do this.",
    404: "There is no such run, trigger, recipe or output.",
    408: "The body was not received in time.",
    409: "It conflicts with the state of the record.",
    410: "It is no longer kept.",
    413: "The body is too large.",
    415: "The media type of the body is not supported.",
    416: "The range is outside the file.",
    422: "The recipe is not valid, its inputs cannot be resolved, or it needs something not offered here.",
    429: "The user has reached a limit.",
    500: "Internal error; the detail has a reference that is also in the service's log.",
    503: "A dependency is unavailable or its disk is full; the same request may succeed later.",
}
_VALUES: dict[str, Any] = {kind: {} for kind in ("application/json", "text/plain", "multipart/related")}
_LOCATION = {"Location": {"required": True, "schema": {"type": "string"}}}
_RETRY_AFTER = {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 0}}}
_HEADERS = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}


_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token (`ogdc_…`), or an access token of an issuer that "
        f"`{PROTECTED_RESOURCE}` names. Not needed where ACCESS_MODE is `open` or `read_only`.",
    }
}


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all services."""
    paths: dict[str, dict[str, Any]] = {}
    routes = [route for route in ROUTES if route.documented]
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _described(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Open Geospatial Data Cloud runner", "version": version("ogdc-runner")},
        "paths": paths,
        "components": {"schemas": _components(routes), "securitySchemes": _SCHEMES},
    }


def _components(routes: list[Route]) -> dict[str, Any]:
    """JSON Schema of all request and response bodies.

    Responses are described strictly (all fields required, no others), although our own client is lenient.
    """
    requests = {route.request for route in routes if route.request}
    answers = {route.answer for route in routes if route.answer} | {Problem, ProcessProblem}
    _, described = schema_components(answers, ref_template=_REF)
    for schema in described.values():
        given = [
            name
            for name, field in schema["properties"].items()
            if name in schema["required"] or "default" in field  # others are left out if unknown
        ]
        schema |= {"required": given, "additionalProperties": False}
        for field in schema["properties"].values():
            field.pop("default", None)
    _, of_requests = schema_components(requests, ref_template=_REF)
    return dict(sorted((described | of_requests).items()))


def _described(route: Route) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if _is_known(route):
        described["security"] = [{"bearer": []}, {}]
    content = {"application/json": {"schema": _schema(route.request)}} if route.request else {}
    if route.takes_bundle:
        content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _BUNDLES}
    if content:
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(route: Route) -> list[dict[str, Any]]:
    in_path = [_PATHS.get(name, _PATH) | {"name": name} for name in re.findall(r"\{(\w+)\}", route.path)]
    in_query = [
        {"name": known.name, "in": "query", "schema": known.schema, "description": known.about}
        for known in route.query
    ]
    in_header = ([_USER] if _is_known(route) else []) + ([_KEY] if route.keyed else [])
    in_header += ([_RANGE] if route.in_parts else []) + ([_IF_NONE_MATCH] if route.has_etag else [])
    return in_path + in_query + in_header


def _responses(route: Route) -> dict[str, Any]:
    if route.redirects:
        return {"302": {"description": "To the issuer."}} | _problems(route)
    good = (
        {kind: {"schema": _CONTENT.get(kind, {"type": "string"})} for kind in route.media_types}
        if route.answer is None
        else {"application/json": {"schema": _schema(route.answer)}}
    )
    done: dict[str, Any] = {str(route.success): {"description": "Done."}}
    if route.success != 204:
        done[str(route.success)]["content"] = good
    if route.success == 201:
        done["201"]["headers"] = _LOCATION
    if route.gives_values:
        done |= {
            "200": {"description": "The outputs by value, if executed synchronously.", "content": _VALUES}
        }
    if route.in_parts:
        done |= {"206": {"description": "The range.", "content": good}}
    if route.has_etag:
        done |= {"304": {"description": "Not modified."}}
    return done | _problems(route)


def _problems(route: Route) -> dict[str, Any]:
    codes = {*route.errors, *_ANYWHERE} | ({*_WHERE_CALLERS_COUNT} if _is_known(route) else set())
    return {str(code): _problem(code, route) for code in sorted(codes)}


def _is_known(route: Route) -> bool:
    """Whether the route needs to know the caller."""
    return route.permission.role is not None


def _problem(code: int, route: Route) -> dict[str, Any]:
    form = _schema(ProcessProblem if route.is_ogc else Problem)
    kinds = ("application/json", PROBLEM_JSON) if route.is_ogc else ("application/json",)
    problem: dict[str, Any] = {
        "description": _MEANING[code],
        "content": {kind: {"schema": form} for kind in kinds},
    }
    return problem | ({"headers": _HEADERS[code]} if code in _HEADERS else {})


def _schema(struct: type[Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=struct.__name__)}
