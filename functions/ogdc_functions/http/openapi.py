"""The OpenAPI document, put together when it is asked for."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ogdc_functions import status, submit, triggers
from ogdc_functions.http import schemas
from ogdc_functions.queries import Parameter

_REF = "#/components/schemas/{model}"
_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": schemas.NAME},
    "description": "The run's or the trigger's.",
}
_USER = {
    "name": "OGDC-User",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,126}[!-~])?$"},
    "description": "Who calls, taken on trust where ACCESS_MODE is `open` or `read_only`.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": f"^[!-~]([ -~]{{0,{submit.MAX_KEY - 2}}}[!-~])?$"},
    "description": "However often a request comes with one key, it starts one run.",
}
_BUNDLES = ("application/gzip", "application/zip")
_ANYWHERE = (400, 413, 500, 503)
"""What any request may be answered with: one that is malformed or too large, a fault of ours, a part away."""
_MEANING = {
    400: "The request cannot be understood, or holds a value out of range.",
    401: "It is not known who calls.",
    403: "The caller may not do this.",
    404: "There is no such run, trigger, recipe or output.",
    409: "It contradicts the record.",
    410: "It is no longer kept.",
    413: "The body is too large.",
    422: "The recipe is not valid, its inputs cannot be resolved, or it asks for what is not offered here.",
    500: "A fault of ours, under a reference that the log has, too.",
    503: "A part is away or full; the same request may succeed later.",
}
_Mode = Literal["validation", "serialization"]
_HEADERS = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}},
    503: {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 0}}},
}


class _Operation(NamedTuple):
    summary: str
    answer: type[BaseModel] | None = None
    """None: plain text."""
    errors: tuple[int, ...] = ()
    """Besides those that any request may be answered with."""
    query: tuple[Parameter, ...] = ()
    takes_recipe: bool = False
    takes: type[BaseModel] | None = None
    """What the body is, in JSON."""
    public: bool = False
    keyed: bool = False
    """Whether an Idempotency-Key counts."""


_OPERATIONS = {
    ("post", "/submit"): _Operation(
        "Run a recipe that is named or sent along; safe to repeat with an Idempotency-Key",
        schemas.SubmitResponse,
        errors=(403, 404, 409, 422),
        query=(submit.OVERWRITE, submit.CACHE),
        takes_recipe=True,
        keyed=True,
    ),
    ("post", "/validate"): _Operation(
        "Check a recipe",
        schemas.ValidateResponse,
        errors=(403, 404, 422),
        query=(submit.OVERWRITE,),
        takes_recipe=True,
    ),
    ("get", "/status/{name}"): _Operation("A run's status", schemas.StatusResponse, errors=(404,)),
    ("get", "/output/{name}"): _Operation(
        "A link to a run's output", schemas.OutputResponse, errors=(404, 409, 410)
    ),
    ("get", "/runs"): _Operation(
        "Runs, newest first",
        schemas.RunList,
        query=(
            status.RECIPE_ID,
            status.STATUS,
            status.SUBMITTED_BY,
            status.NAME_PREFIX,
            status.RUNS_LIMIT,
            status.BEFORE,
        ),
    ),
    ("get", "/runs/{name}"): _Operation(
        "A run with its tasks",
        schemas.RunDetail,
        errors=(404,),
        query=(status.TASK_LIMIT, status.TASK_OFFSET),
    ),
    ("get", "/runs/{name}/partitions"): _Operation(
        "How a run's inputs are divided, and how far each part is",
        schemas.PartitionList,
        errors=(404,),
        query=(status.PARTITIONS_LIMIT, status.PARTITIONS_OFFSET),
    ),
    ("get", "/runs/{name}/logs"): _Operation(
        "What a run's tasks printed", errors=(404, 410), query=(status.TAIL,)
    ),
    ("post", "/runs/{name}/cancel"): _Operation("Stop a run", schemas.Run, errors=(403, 404, 409)),
    ("delete", "/runs/{name}"): _Operation(
        "Remove what a run that has ended left; its record and published data stay",
        schemas.Run,
        errors=(403, 404, 409),
    ),
    ("post", "/runs/{name}/retry"): _Operation(
        "Try the failed tasks of a run again", schemas.Run, errors=(403, 404, 409)
    ),
    ("post", "/sweep"): _Operation(
        "Finish what was left undone",
        schemas.SweepResponse,
        errors=(401, 403),
        query=(submit.UNSENT_FOR,),
        public=True,
    ),
    ("post", "/triggers"): _Operation(
        "Have uploads start runs, which will be the caller's",
        schemas.Trigger,
        errors=(403, 404, 409, 422),
        takes=schemas.TriggerRequest,
    ),
    ("get", "/triggers"): _Operation("All triggers", schemas.TriggerList),
    ("get", "/triggers/{name}"): _Operation(
        "A trigger with its newest uploads", schemas.TriggerDetail, errors=(404,), query=(triggers.UPLOADS,)
    ),
    ("delete", "/triggers/{name}"): _Operation(
        "Remove a trigger; its runs stay", schemas.TriggerRemoved, errors=(403, 404)
    ),
    ("get", "/version"): _Operation("The service's version", schemas.VersionResponse, public=True),
    ("get", "/healthz"): _Operation("Whether the process serves", schemas.HealthResponse, public=True),
    ("get", "/readyz"): _Operation(
        "Whether the database answers and has this version's schema", schemas.ReadyResponse, public=True
    ),
}


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all services together."""
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), operation in _OPERATIONS.items():
        paths.setdefault(path, {})[method] = _described(path, operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Open Geospatial Data Cloud runner", "version": _version()},
        "paths": paths,
        "components": {"schemas": _components()},
    }


def _version() -> str:
    from importlib.metadata import version

    return version("ogdc-runner")


def _components() -> dict[str, Any]:
    models: list[tuple[type[BaseModel], _Mode]]
    models = [(schemas.SubmitRequest, "validation"), (schemas.Problem, "serialization")]
    for operation in _OPERATIONS.values():
        models += [(operation.takes, "validation")] if operation.takes else []
        models += [(operation.answer, "serialization")] if operation.answer else []
    _, definitions = models_json_schema(models, ref_template=_REF)
    described: dict[str, Any] = definitions["$defs"]
    return described


def _described(path: str, operation: _Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": _parameters(path, operation),
        "responses": _responses(operation),
    }
    if operation.takes_recipe:
        content = {"application/json": {"schema": _schema(schemas.SubmitRequest)}}
        content |= {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _BUNDLES}
        described["requestBody"] = {"required": True, "content": content}
    elif operation.takes:
        content = {"application/json": {"schema": _schema(operation.takes)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(path: str, operation: _Operation) -> list[dict[str, Any]]:
    in_query = [
        {"name": known.name, "in": "query", "schema": known.schema, "description": known.about}
        for known in operation.query
    ]
    in_path = [_NAME] if "{name}" in path else []
    in_header = ([] if operation.public else [_USER]) + ([_KEY] if operation.keyed else [])
    return in_path + in_query + in_header


def _responses(operation: _Operation) -> dict[str, Any]:
    good = (
        {"text/plain": {"schema": {"type": "string"}}}
        if operation.answer is None
        else {"application/json": {"schema": _schema(operation.answer)}}
    )
    codes = {*operation.errors, *_ANYWHERE} | (set() if operation.public else {401})
    return {"200": {"description": "Done.", "content": good}} | {
        str(code): _problem(code) for code in sorted(codes)
    }


def _problem(code: int) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "description": _MEANING[code],
        "content": {"application/json": {"schema": _schema(schemas.Problem)}},
    }
    return problem | ({"headers": _HEADERS[code]} if code in _HEADERS else {})


def _schema(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
