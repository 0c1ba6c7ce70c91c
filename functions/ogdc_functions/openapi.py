"""The OpenAPI document, put together when it is asked for."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ogdc_functions import schemas

_REF = "#/components/schemas/{model}"
_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "description": "The run's or the trigger's.",
}
_BUNDLES = ("application/gzip", "application/zip")
_UNAVAILABLE = 503


_INTEGER: dict[str, Any] = {"type": "integer", "minimum": 0}
_STRING: dict[str, Any] = {"type": "string"}


class _Operation(NamedTuple):
    summary: str
    answer: type[BaseModel] | None = None
    """None: plain text."""
    errors: tuple[int, ...] = ()
    query: dict[str, dict[str, Any]] = {}  # noqa: RUF012  never changed
    takes_recipe: bool = False
    takes: type[BaseModel] | None = None
    """What the body is, in JSON."""


_OPERATIONS = {
    ("post", "/submit"): _Operation(
        "Run a recipe that is named or sent along; safe to repeat with an Idempotency-Key",
        schemas.SubmitResponse,
        errors=(400, 401, 403, 404, 409, 413, 422),
        query={"overwrite": {"type": "boolean"}, "cache": {"type": "boolean"}},
        takes_recipe=True,
    ),
    ("post", "/validate"): _Operation(
        "Check a recipe",
        schemas.ValidateResponse,
        errors=(400, 401, 403, 404, 413, 422),
        takes_recipe=True,
    ),
    ("get", "/status/{name}"): _Operation("A run's status", schemas.StatusResponse, errors=(401, 404)),
    ("get", "/output/{name}"): _Operation(
        "A link to a run's output", schemas.OutputResponse, errors=(401, 404, 409, 410)
    ),
    ("get", "/runs"): _Operation(
        "Runs, newest first",
        schemas.RunList,
        errors=(400, 401),
        query={
            "recipe_id": _STRING,
            "status": _STRING,
            "submitted_by": _STRING,
            "limit": _INTEGER,
            "before": _STRING,
        },
    ),
    ("get", "/runs/{name}"): _Operation(
        "A run with its tasks",
        schemas.RunDetail,
        errors=(400, 401, 404),
        query={"task_limit": _INTEGER, "task_offset": _INTEGER},
    ),
    ("get", "/runs/{name}/partitions"): _Operation(
        "How a run's inputs are divided, and how far each part is",
        schemas.PartitionList,
        errors=(400, 401, 404),
        query={"limit": _INTEGER, "offset": _INTEGER},
    ),
    ("get", "/runs/{name}/logs"): _Operation(
        "What a run's tasks printed", errors=(400, 401, 404, 410), query={"tail": _INTEGER}
    ),
    ("post", "/runs/{name}/cancel"): _Operation("Stop a run", schemas.Run, errors=(401, 403, 404, 409)),
    ("delete", "/runs/{name}"): _Operation(
        "Remove what a run that has ended left; its record and published data stay",
        schemas.Run,
        errors=(401, 403, 404, 409),
    ),
    ("post", "/runs/{name}/retry"): _Operation(
        "Try the failed tasks of a run again", schemas.Run, errors=(401, 403, 404, 409)
    ),
    ("post", "/sweep"): _Operation(
        "Finish what was left undone",
        schemas.SweepResponse,
        errors=(400, 401, 403),
        query={"unsent_for": _INTEGER},
    ),
    ("post", "/triggers"): _Operation(
        "Have uploads start runs, which will be the caller's",
        schemas.Trigger,
        errors=(400, 401, 403, 404, 409, 422),
        takes=schemas.TriggerRequest,
    ),
    ("get", "/triggers"): _Operation("All triggers", schemas.TriggerList, errors=(401,)),
    ("get", "/triggers/{name}"): _Operation(
        "A trigger with its newest uploads",
        schemas.TriggerDetail,
        errors=(400, 401, 404),
        query={"uploads": _INTEGER},
    ),
    ("delete", "/triggers/{name}"): _Operation(
        "Remove a trigger; its runs stay", schemas.TriggerRemoved, errors=(401, 403, 404)
    ),
    ("get", "/version"): _Operation("The service's version", schemas.VersionResponse),
    ("get", "/healthz"): _Operation("Whether the process serves", schemas.HealthResponse),
    ("get", "/readyz"): _Operation(
        "Whether the database answers and has this version's schema", schemas.ReadyResponse
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
    models: list[type[BaseModel]] = [schemas.SubmitRequest, schemas.Problem]
    models += [operation.answer for operation in _OPERATIONS.values() if operation.answer]
    models += [operation.takes for operation in _OPERATIONS.values() if operation.takes]
    _, definitions = models_json_schema([(model, "serialization") for model in models], ref_template=_REF)
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
    in_path = [_NAME] if "{name}" in path else []
    return in_path + [
        {"name": name, "in": "query", "schema": schema} for name, schema in operation.query.items()
    ]


def _responses(operation: _Operation) -> dict[str, Any]:
    good = (
        {"text/plain": {"schema": _STRING}}
        if operation.answer is None
        else {"application/json": {"schema": _schema(operation.answer)}}
    )
    problem = {"application/json": {"schema": _schema(schemas.Problem)}}
    errors = {
        str(code): {"description": "See detail.", "content": problem}
        for code in (*operation.errors, _UNAVAILABLE)
    }
    return {"200": {"description": "Done.", "content": good}} | errors


def _schema(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
