"""The status service: everything that can be read about runs."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from flask import Response

from ogdc_functions import triggers
from ogdc_functions.http.readiness import readiness_route
from ogdc_functions.http.responses import json_response
from ogdc_functions.http.routing import Call, Function, Route, build_function
from ogdc_functions.queries import Choice, Number, Text
from ogdc_functions.views import partitions_view, run_detail_view, run_view
from ogdc_shared.context import Context
from ogdc_shared.phases import RUN_STATUSES
from ogdc_shared.runs import read

RECIPE_ID = Text("recipe_id", "Only runs of this recipe.")
STATUS = Choice("status", RUN_STATUSES, "Only runs of this status.")
SUBMITTED_BY = Text("submitted_by", "Only runs of the user whom the caller's own issuer calls so.")
NAME_PREFIX = Text("name_prefix", "Only runs whose name begins so.")
RUNS_LIMIT = Number("limit", 1, 200, 50, "How many.")
BEFORE = Text("before", "The `next` of the page before.")
TASK_LIMIT = Number("task_limit", 0, 1000, 1000, "How many tasks.")
TASK_OFFSET = Number("task_offset", 0, 1 << 31, 0, "How many tasks to leave out at the beginning.")
PARTITIONS_LIMIT = Number("limit", 1, 1000, 100, "How many.")
PARTITIONS_OFFSET = Number("offset", 0, 1 << 31, 0, "How many to leave out at the beginning.")
TAIL = Number("tail", 1, 1_000_000, 0, "Only so many lines, the last; all without it.")


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
    run = read.reconciled_run(context, call.name)
    now = datetime.now(UTC).isoformat()
    return json_response({"recipe_workflow_name": run.name, "status": run.status, "timestamp": now})


def _runs(context: Context, call: Call) -> Response:
    query = call.request.args
    page = read.list_runs(
        context,
        recipe_id=RECIPE_ID.read(query),
        status=STATUS.read(query),
        submitted_by=SUBMITTED_BY.read(query),
        issuer=call.caller.issuer,
        name_prefix=NAME_PREFIX.read(query),
        limit=RUNS_LIMIT.read(query),
        before=BEFORE.read(query),
    )
    return json_response({"runs": [run_view(run) for run in page.runs], "next": page.next})


def _run(context: Context, call: Call) -> Response:
    query = call.request.args
    limit, offset = TASK_LIMIT.read(query), TASK_OFFSET.read(query)
    run = read.reconciled_run(context, call.name)
    tasks, stages = read.get_tasks(context, run, limit=limit, offset=offset)
    detail = run_detail_view(run, tasks, read.get_warnings(context, run), stages=stages)
    return json_response(detail | {"trigger": triggers.origin_view(context, run)})


def _partitions(context: Context, call: Call) -> Response:
    from ogdc_shared.runs.partitions import list_partitions

    query = call.request.args
    limit, offset = PARTITIONS_LIMIT.read(query), PARTITIONS_OFFSET.read(query)
    run = read.reconciled_run(context, call.name)
    listed = list_partitions(context, run, limit=limit, offset=offset)
    return json_response(partitions_view(run, listed))


def _logs(context: Context, call: Call) -> Response:
    from ogdc_shared.runs.logs import run_logs

    blocks = run_logs(context, call.name, tail=TAIL.read(call.request.args) or None)
    return Response(blocks, content_type="text/plain; charset=utf-8")


def _output(context: Context, call: Call) -> Response:
    from ogdc_shared.runs.output import output_link

    return json_response({"data_url": output_link(context, call.name)})


def _version(_call: Call) -> Response:
    from importlib.metadata import version

    return json_response({"ogdc_runner_version": version("ogdc-runner")})


def _openapi(_call: Call) -> Response:
    from ogdc_functions.http.openapi import document

    return json_response(document())


def _index(_call: Call) -> Response:
    run = "/runs/{name}"
    paths = ["/status/{name}", "/output/{name}", "/runs", run, f"{run}/partitions", f"{run}/logs"]
    paths += ["/triggers", "/triggers/{name}", "/version"]
    return json_response({"service": "ogdc-runner", "paths": paths, "openapi": "/openapi.json"})
