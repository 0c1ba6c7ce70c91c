"""The routes of OGC API - Processes; part of the table of routes.

Source: OGC 18-062r2 (part 1, 1.0), 20-044 (part 2, draft).
"""

from __future__ import annotations

from ogdc_shared.api import process_answers as answers
from ogdc_shared.api.parameters import Choice, Number, Text, Texts
from ogdc_shared.api.requests import ExecuteRequest
from ogdc_shared.api.route import Function, Route
from ogdc_shared.auth.permissions import CHANGE, CREATE, PUBLIC, READ
from ogdc_shared.recipe.forms import MAX_BUNDLE

LIMIT = Number("limit", 1, 1000, 100, "Maximum number of items.")
AFTER = Text("after", "Taken from a link `next`.")
BEFORE = Text("before", "Taken from a link `next`.")
PROCESS_ID = Texts("processID", "Only jobs of these processes.")
JOB_STATUS = Texts("status", "Only jobs of these statuses.")
TYPE = Choice("type", ("process",), "Only jobs of this type; there is one.")
DATETIME = Text(
    "datetime", "Only jobs created at this time or in this interval: `START/END`, with `..` for an open end."
)
MIN_DURATION = Number("minDuration", 0, 1 << 31, 0, "Only jobs that have taken at least this many seconds.")
MAX_DURATION = Number(
    "maxDuration", 0, 1 << 31, 1 << 31, "Only jobs that have taken at most this many seconds."
)

_STATUS, _SUBMIT = (Function.STATUS,), (Function.SUBMIT,)

PROCESS_ROUTES = (
    Route(
        "conformance",
        "GET",
        "/conformance",
        _STATUS,
        PUBLIC,
        "The conformance classes of OGC API - Processes that are supported",
        answers.ConformanceResponse,
        is_ogc=True,
        about="See [OGC API - Processes](processes.md).",
    ),
    Route(
        "list_processes",
        "GET",
        "/processes",
        _STATUS,
        READ,
        "The recipes deployed as processes",
        answers.ProcessList,
        query=(LIMIT, AFTER),
        is_ogc=True,
    ),
    Route(
        "deploy",
        "POST",
        "/processes",
        _SUBMIT,
        CREATE,
        "Deploy a recipe as a process owned by the caller",
        answers.ProcessSummary,
        success=201,
        errors=(403, 409, 415, 422),
        takes_bundle=True,
        max_body=MAX_BUNDLE,
        is_ogc=True,
        about="The recipe directory as a tar.gz or zip body.",
    ),
    Route(
        "show_process",
        "GET",
        "/processes/{process}",
        _STATUS,
        READ,
        "A process with its inputs and outputs",
        answers.ProcessDescription,
        errors=(404,),
        is_ogc=True,
    ),
    Route(
        "replace_process",
        "PUT",
        "/processes/{process}",
        _SUBMIT,
        CHANGE,
        "Replace the recipe of a process",
        success=204,
        errors=(403, 404, 415, 422),
        takes_bundle=True,
        max_body=MAX_BUNDLE,
        is_ogc=True,
    ),
    Route(
        "undeploy",
        "DELETE",
        "/processes/{process}",
        _SUBMIT,
        CHANGE,
        "Undeploy a process; its jobs are kept",
        success=204,
        errors=(403, 404),
        is_ogc=True,
    ),
    Route(
        "execute",
        "POST",
        "/processes/{process}/execution",
        _SUBMIT,
        CREATE,
        "Execute a process; safe to repeat with an Idempotency-Key",
        answers.StatusInfo,
        success=201,
        errors=(403, 404, 409, 422),
        request=ExecuteRequest,
        keyed=True,
        gives_values=True,
        is_ogc=True,
        about='JSON `{"inputs": {"YEAR": 2021}}`. Returns the new job at once.',
    ),
    Route(
        "list_jobs",
        "GET",
        "/jobs",
        _STATUS,
        READ,
        "Runs as jobs, newest first",
        answers.JobList,
        query=(PROCESS_ID, JOB_STATUS, TYPE, DATETIME, MIN_DURATION, MAX_DURATION, LIMIT, BEFORE),
        is_ogc=True,
    ),
    Route(
        "show_job",
        "GET",
        "/jobs/{name}",
        _STATUS,
        READ,
        "A job",
        answers.StatusInfo,
        errors=(404,),
        is_ogc=True,
    ),
    Route(
        "job_results",
        "GET",
        "/jobs/{name}/results",
        _STATUS,
        READ,
        "Links to the results of a job",
        media_types=("application/json",),
        gives_values=True,
        errors=(404, 409, 410, 422),
        is_ogc=True,
        about="404 until the job has ended, 422 if it ended without a result.",
    ),
    Route(
        "dismiss_job",
        "DELETE",
        "/jobs/{name}",
        _SUBMIT,
        CHANGE,
        "Stop a job, or remove the artifacts of a finished one",
        answers.StatusInfo,
        errors=(403, 404, 409),
        is_ogc=True,
        about="A finished job is no longer listed; its run is kept.",
    ),
)
