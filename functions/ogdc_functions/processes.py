"""Handlers of OGC API - Processes, named like their routes.

The submit service handles changes and executions, the status service reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response
from werkzeug.exceptions import UnsupportedMediaType

from ogdc_functions.http.responses import json_response, struct_response
from ogdc_functions.http.routing import Call
from ogdc_shared.api import process_answers as answers
from ogdc_shared.api import process_routes as routes
from ogdc_shared.context import Context
from ogdc_shared.json_text import read_json

if TYPE_CHECKING:
    from ogdc_shared.runs.recipes import RecipeSource

_PART_1 = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf"
CONFORMS_TO = [
    f"{_PART_1}/{each}" for each in ("core", "json", "ogc-process-description", "job-list", "dismiss")
]


def conformance(_context: Context, _call: Call) -> answers.ConformanceResponse:
    """List the conformance classes."""
    return answers.ConformanceResponse(conforms_to=CONFORMS_TO)


def list_processes(context: Context, call: Call) -> answers.ProcessList:
    """Show a page of processes."""
    from ogdc_functions.process_views import base_url, page_links, summary_view
    from ogdc_shared.processes.record import list_processes

    query, base = call.request.args, base_url(call.request, context.settings)
    limit = routes.LIMIT.read(query)
    with context.database.autocommit() as conn:
        found = list_processes(conn, after=routes.AFTER.read(query), limit=limit + 1)
    after = found[limit - 1].id if len(found) > limit else None
    return answers.ProcessList(
        processes=[summary_view(each, base) for each in found[:limit]],
        links=page_links(call.request, context.settings, after=after),
    )


def show_process(context: Context, call: Call, process: str) -> answers.ProcessDescription:
    """Show a process."""
    from ogdc_functions.process_views import base_url, description_view
    from ogdc_shared.processes.record import get_process

    with context.database.autocommit() as conn:
        found = get_process(conn, process)
    return description_view(found, base_url(call.request, context.settings))


def deploy(context: Context, call: Call) -> Response:
    """Deploy a recipe as a process."""
    from ogdc_functions.process_views import base_url, summary_view
    from ogdc_shared.processes.deploy import deploy_process

    process = deploy_process(context, _bundle(call), caller=call.caller)
    base = base_url(call.request, context.settings)
    return _created(struct_response(summary_view(process, base), 201), f"{base}/processes/{process.id}")


def replace_process(context: Context, call: Call, process: str) -> Response:
    """Replace the recipe of a process."""
    from ogdc_shared.processes import deploy as deploying

    deploying.replace_process(context, process, lambda: _bundle(call), caller=call.caller)
    return Response(status=204)


def undeploy(context: Context, call: Call, process: str) -> Response:
    """Undeploy a process."""
    from ogdc_shared.processes.deploy import undeploy_process

    undeploy_process(context, process, caller=call.caller)
    return Response(status=204)


def execute(context: Context, call: Call, process: str) -> Response:
    """Execute a process."""
    from ogdc_functions.http.bodies import idempotency_key
    from ogdc_functions.process_views import base_url, job_view
    from ogdc_shared.processes import execution
    from ogdc_shared.processes.record import get_process
    from ogdc_shared.runs.turns import with_turns

    asked = execution.read_execute(read_json(call.request.get_data(), refusal="The body is not JSON"))
    key = idempotency_key(call.request)
    with context.database.autocommit() as conn:
        found = get_process(conn, process)
    run = execution.execute(context, found, asked, caller=call.caller, idempotency_key=key)
    location = f"{base_url(call.request, context.settings)}/jobs/{run.name}"
    is_async = "respond-async" in call.request.headers.get("Prefer", "")
    if "sync-execute" in found.description["jobControlOptions"] and not is_async:
        from ogdc_functions.process_values import waited_for

        if response := waited_for(context, run):
            response.headers["Link"] = f"<{location}>; rel=monitor"
            return response
    (run,) = with_turns(context, [run])
    response = struct_response(job_view(run, base_url(call.request, context.settings)), 201)
    if is_async:
        response.headers["Preference-Applied"] = "respond-async"
    return _created(response, location)


def list_jobs(context: Context, call: Call) -> answers.JobList:
    """Show a page of jobs."""
    from ogdc_functions.process_views import base_url, job_view, page_links
    from ogdc_shared.db import runs
    from ogdc_shared.processes.jobs import job_filter
    from ogdc_shared.runs.turns import with_turns

    query, base = call.request.args, base_url(call.request, context.settings)
    routes.TYPE.read(query)
    wanted = job_filter(
        recipes=routes.PROCESS_ID.read(query),
        statuses=routes.JOB_STATUS.read(query),
        interval=routes.DATETIME.read(query),
        min_seconds=routes.MIN_DURATION.read(query) if "minDuration" in query else None,
        max_seconds=routes.MAX_DURATION.read(query) if "maxDuration" in query else None,
    )
    with context.database.autocommit() as conn:
        limit, before = routes.LIMIT.read(query), routes.BEFORE.read(query)
        page = runs.list_jobs(conn, wanted, limit=limit, before=before)
    return answers.JobList(
        jobs=[job_view(run, base) for run in with_turns(context, page.runs)],
        links=page_links(call.request, context.settings, before=page.next),
    )


def show_job(context: Context, call: Call, name: str) -> answers.StatusInfo:
    """Show a job."""
    from ogdc_functions.process_views import base_url, job_view
    from ogdc_shared.processes.jobs import get_job
    from ogdc_shared.runs.turns import with_turns

    (run,) = with_turns(context, [get_job(context, name)])
    return job_view(run, base_url(call.request, context.settings))


def job_results(context: Context, call: Call, name: str) -> Response:
    """Show links to the results of a job, or its values."""
    from ogdc_functions.process_values import ECHO, values_of
    from ogdc_functions.process_views import base_url, results_view
    from ogdc_shared.outputs.policies import policy_of
    from ogdc_shared.processes.jobs import get_job, require_result
    from ogdc_shared.runs.output import output_link

    run = get_job(context, name)
    require_result(run)
    if run.recipe_id == ECHO and (response := values_of(context, run)):
        return response
    link = output_link(context, name) if policy_of(run.output_type).is_zip else None
    return json_response(results_view(run, base_url(call.request, context.settings), link))


def dismiss_job(context: Context, call: Call, name: str) -> answers.StatusInfo:
    """Stop a job, or remove one that has ended."""
    from ogdc_functions.process_views import base_url, dismissed_view
    from ogdc_shared.processes import jobs

    run = jobs.dismiss_job(context, name, caller=call.caller)
    return dismissed_view(run, base_url(call.request, context.settings))


def _bundle(call: Call) -> RecipeSource:
    from ogdc_functions.http.bodies import BUNDLE_TYPES
    from ogdc_shared.runs.recipes import RecipeSource

    if call.request.mimetype not in BUNDLE_TYPES:
        raise UnsupportedMediaType(
            f"Content-Type {call.request.mimetype!r}: send a recipe directory packed as application/gzip "
            "(tar.gz) or application/zip."
        )
    return RecipeSource(bundle=call.request.get_data())


def _created(response: Response, location: str) -> Response:
    response.headers["Location"] = location
    return response
