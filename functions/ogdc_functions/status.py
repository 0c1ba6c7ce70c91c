"""The status service: all reads about runs. Handlers are named like their routes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from flask import Response

from ogdc_functions import processes, triggers
from ogdc_functions.http.conditional import tag_of, unless_known
from ogdc_functions.http.responses import json_response
from ogdc_functions.http.routing import Call, Served
from ogdc_functions.http.serving import serve
from ogdc_functions.views import facts_view, partition_view, run_detail_view, run_view
from ogdc_shared.api import answers, log_answers, recipe_answers, routes, run_routes
from ogdc_shared.context import Context
from ogdc_shared.runs import read
from ogdc_shared.runs.turns import with_turns


def build(context: Context) -> Served:
    """Build the function that functions-framework serves as `status`."""
    return serve(routes.Function.STATUS, context, sys.modules[__name__], triggers, processes)


def status(context: Context, _call: Call, name: str) -> answers.StatusResponse:
    """Show the status of a run."""
    run = read.reconciled_run(context, name)
    return answers.StatusResponse(
        recipe_workflow_name=run.name, status=run.status, timestamp=datetime.now(UTC)
    )


def list_runs(context: Context, call: Call) -> Response:
    """Show a page of runs, or 304 if the caller has it."""
    query = call.request.args
    page = read.list_runs(
        context,
        recipe_id=routes.RECIPE_ID.read(query),
        status=routes.STATUS.read(query),
        submitted_by=routes.SUBMITTED_BY.read(query),
        issuer=None if context.settings.access_mode == "authenticated" else call.caller.issuer,
        name_prefix=routes.NAME_PREFIX.read(query),
        limit=routes.RUNS_LIMIT.read(query),
        before=routes.BEFORE.read(query),
    )

    def answer() -> answers.RunList:
        return answers.RunList(runs=[run_view(run) for run in page.runs], next=page.next)

    return unless_known(call.request, tag_of(answers.Run, page.runs, page.next), answer)


def show_run(context: Context, call: Call, name: str) -> Response:
    """Show a run with some of its tasks, or 304 if the caller has it."""
    query = call.request.args
    limit, offset = routes.TASK_LIMIT.read(query), routes.TASK_OFFSET.read(query)
    (run,) = with_turns(context, [read.reconciled_run(context, name)])

    def answer() -> answers.RunDetail:
        tasks, stages = read.get_tasks(context, run, limit=limit, offset=offset)
        warnings = read.get_warnings(context, run)
        origin = triggers.origin_view(context, run)
        parameters = read.get_parameters(context, run)
        return run_detail_view(run, tasks, warnings, origin, stages=stages, parameters=parameters)

    return unless_known(call.request, tag_of(answers.RunDetail, [run]), answer)


def list_partitions(context: Context, call: Call, name: str) -> answers.PartitionList:
    """Show some of a run's partitions."""
    from ogdc_shared.runs import partitions

    query = call.request.args
    limit, offset = run_routes.PARTITIONS_LIMIT.read(query), run_routes.PARTITIONS_OFFSET.read(query)
    run = read.reconciled_run(context, name)
    listed = partitions.list_partitions(context, run, limit=limit, offset=offset)
    return answers.PartitionList(total=run.partitions, partitions=[partition_view(each) for each in listed])


def list_facts(context: Context, call: Call, name: str) -> answers.FactsList:
    """Show the facts of some of a run's tasks."""
    from ogdc_shared.runs import facts

    query = call.request.args
    limit, offset = run_routes.FACTS_LIMIT.read(query), run_routes.FACTS_OFFSET.read(query)
    run = read.reconciled_run(context, name)
    page = facts.list_facts(context, run, limit=limit, offset=offset)
    return answers.FactsList(total=page.total, tasks=[facts_view(each) for each in page.tasks])


def task_facts(context: Context, _call: Call, name: str, stage: str, partition: str) -> Response:
    """Return all facts of a task."""
    from ogdc_shared.runs.facts import stored_facts

    pieces = stored_facts(context, read.reconciled_run(context, name), stage, partition)
    return Response(pieces, content_type="application/json")


def run_recipe(context: Context, call: Call, name: str) -> recipe_answers.RunRecipe:
    """Show a run's recipe."""
    from ogdc_functions.views import recipe_view
    from ogdc_shared.runs.submitted_recipe import submitted_recipe

    return recipe_view(submitted_recipe(context, name, caller=call.caller))


def list_outputs(context: Context, call: Call, name: str) -> answers.OutputList:
    """Show some files of a run's result."""
    from ogdc_functions.outputs import output_list

    return output_list(context, call, name)


def output_file(context: Context, call: Call, name: str, path: str) -> Response:
    """Return a file of a run's result, or a range of it."""
    from ogdc_functions.outputs import output_response

    return output_response(context, call, name, path)


def logs(context: Context, call: Call, name: str) -> Response:
    """Return the logs of a run's tasks."""
    from ogdc_shared.runs.logs import run_logs, task_log

    query = call.request.args
    tail, task = run_routes.TAIL.read(query) or None, run_routes.TASK.read(query)
    blocks = run_logs(context, name, tail=tail) if task is None else task_log(context, name, task, tail=tail)
    return Response(blocks, content_type="text/plain; charset=utf-8")


def log_part(context: Context, call: Call, name: str, path: str) -> log_answers.LogPart:
    """Show a part of a task's log."""
    from ogdc_functions.log_views import log_part_view

    return log_part_view(context, call.request.args, name, path)


def search_log(context: Context, call: Call, name: str, path: str) -> log_answers.LogMatches:
    """Search a task's log."""
    from ogdc_functions.log_views import matches_view

    return matches_view(context, call.request.args, name, path)


def provenance(context: Context, call: Call, name: str) -> Response:
    """Return a run's crate, or its metadata."""
    from ogdc_functions.crates import crate_response

    return crate_response(context, call, name)


def output(context: Context, _call: Call, name: str) -> answers.OutputResponse:
    """Return a link to a run's zip."""
    from ogdc_shared.runs.output import output_link

    return answers.OutputResponse(data_url=output_link(context, name))


def page(context: Context, call: Call) -> Response:
    """Return the web page about runs."""
    from ogdc_functions.pages import page_response

    return page_response(context, call.request)


def page_file(_context: Context, call: Call, path: str) -> Response:
    """Return a static file of the web page."""
    from ogdc_functions.pages import file_response

    return file_response(call.request, path)


def version(_context: Context, _call: Call) -> answers.VersionResponse:
    """Return the version."""
    from importlib import metadata

    return answers.VersionResponse(ogdc_runner_version=metadata.version("ogdc-runner"))


def openapi(_context: Context, _call: Call) -> Response:
    """Return the OpenAPI document."""
    from ogdc_functions.http.openapi import document

    return json_response(document())


def index(context: Context, call: Call) -> answers.IndexResponse:
    """Return the landing page."""
    from ogdc_functions.process_views import landing_links

    return answers.IndexResponse(
        service="ogdc-runner",
        paths=routes.readable_paths(),
        openapi="/openapi.json",
        links=landing_links(call.request, context.settings),
    )
