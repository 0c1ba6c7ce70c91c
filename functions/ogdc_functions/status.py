"""The status service: everything that can be read about runs."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from flask import Response

from ogdc_functions import triggers
from ogdc_functions.queries import choice, number
from ogdc_functions.readiness import readiness_route
from ogdc_functions.responses import json_response
from ogdc_functions.routing import Call, Function, Route, build_function
from ogdc_functions.views import partitions_view, run_detail_view, run_view
from ogdc_shared.context import Context
from ogdc_shared.runs import read

_STATUSES = ("Pending", "Running", "Succeeded", "Failed", "Error")
_MAX_RUNS = 200
_MAX_TASKS = 1000
_MAX_PARTITIONS = 1000
_MAX_LINES = 1_000_000


def build(context: Context) -> Function:
    """Build the function that functions-framework serves as `status`."""
    routes = [
        Route("GET", "/status/{name}", partial(_status, context)),
        Route("GET", "/runs", partial(_runs, context)),
        Route("GET", "/runs/{name}", partial(_run, context)),
        Route("GET", "/runs/{name}/partitions", partial(_partitions, context)),
        Route("GET", "/runs/{name}/logs", partial(_logs, context)),
        Route("GET", "/output/{name}", partial(_output, context)),
        *triggers.reading_routes(context),
        Route("GET", "/version", _version, public=True),
        Route("GET", "/openapi.json", _openapi, public=True),
        Route("GET", "/", _index, public=True),
        readiness_route(context),
    ]
    return build_function(routes, access_mode=context.settings.access_mode, telemetry=context.telemetry)


def _status(context: Context, call: Call) -> Response:
    run = read.get_run(context, call.name)
    now = datetime.now(UTC).isoformat()
    return json_response({"recipe_workflow_name": run.name, "status": run.status, "timestamp": now})


def _runs(context: Context, call: Call) -> Response:
    query = call.request.args
    page = read.list_runs(
        context,
        recipe_id=query.get("recipe_id"),
        status=choice(query, "status", options=_STATUSES),
        submitted_by=query.get("submitted_by"),
        limit=number(query, "limit", default=50, least=1, most=_MAX_RUNS),
        before=query.get("before"),
    )
    return json_response({"runs": [run_view(run) for run in page.runs], "next": page.next})


def _run(context: Context, call: Call) -> Response:
    query = call.request.args
    limit = number(query, "task_limit", default=_MAX_TASKS, least=0, most=_MAX_TASKS)
    offset = number(query, "task_offset", default=0, least=0, most=1 << 31)
    run = read.get_run(context, call.name)
    tasks = read.get_tasks(context, run, limit=limit, offset=offset)
    detail = run_detail_view(run, tasks, read.get_warnings(context, run))
    return json_response(detail | {"trigger": triggers.origin_view(context, run)})


def _partitions(context: Context, call: Call) -> Response:
    from ogdc_shared.runs.partitions import list_partitions

    query = call.request.args
    limit = number(query, "limit", default=100, least=1, most=_MAX_PARTITIONS)
    offset = number(query, "offset", default=0, least=0, most=1 << 31)
    run = read.get_run(context, call.name)
    listed = list_partitions(context, run, limit=limit, offset=offset)
    return json_response(partitions_view(run, listed))


def _logs(context: Context, call: Call) -> Response:
    from ogdc_shared.runs.logs import run_logs

    query = call.request.args
    tail = number(query, "tail", default=0, least=1, most=_MAX_LINES) if "tail" in query else None
    lines = run_logs(context, call.name, tail=tail)
    return Response((f"{line}\n" for line in lines), content_type="text/plain; charset=utf-8")


def _output(context: Context, call: Call) -> Response:
    from ogdc_shared.runs.output import output_link

    return json_response({"data_url": output_link(context, call.name)})


def _version(_call: Call) -> Response:
    from importlib.metadata import version

    return json_response({"ogdc_runner_version": version("ogdc-runner")})


def _openapi(_call: Call) -> Response:
    from ogdc_functions.openapi import document

    return json_response(document())


def _index(_call: Call) -> Response:
    run = "/runs/{name}"
    paths = ["/status/{name}", "/output/{name}", "/runs", run, f"{run}/partitions", f"{run}/logs"]
    paths += ["/triggers", "/triggers/{name}", "/version"]
    return json_response({"service": "ogdc-runner", "paths": paths, "openapi": "/openapi.json"})
