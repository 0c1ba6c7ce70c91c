"""The routes of OGC API - Processes; part of the table of routes.

Source: OGC 18-062r2 (part 1, 1.0), 20-044 (part 2, draft).
"""

from __future__ import annotations

from ogdc_shared.api import process_answers as answers
from ogdc_shared.api.parameters import Choice, Number, Text, Texts
from ogdc_shared.api.requests import ExecuteRequest
from ogdc_shared.api.route import Function, Route
from ogdc_shared.auth.permissions import CHANGE, CREATE, PUBLIC, READ

LIMIT = Number("limit", 1, 1000, 100, "How many.")
AFTER = Text("after", "As a link `next` has it.")
BEFORE = Text("before", "As a link `next` has it.")
PROCESS_ID = Texts("processID", "Only jobs of these processes.")
JOB_STATUS = Texts("status", "Only jobs of these statuses.")
TYPE = Choice("type", ("process",), "Only jobs of this type; there is one.")
DATETIME = Text(
    "datetime", "Only jobs created then: a time, or two with a `/` between, `..` for an open end."
)
MIN_DURATION = Number("minDuration", 0, 1 << 31, 0, "Only jobs under way for so many seconds, or longer.")
MAX_DURATION = Number(
    "maxDuration", 0, 1 << 31, 1 << 31, "Only jobs under way no longer than so many seconds."
)

MAX_PROCESS = 64 << 20
"""Bytes; the most an uploaded recipe may have."""
_STATUS, _SUBMIT = (Function.STATUS,), (Function.SUBMIT,)

PROCESS_ROUTES = (
    Route(
        "conformance",
        "GET",
        "/conformance",
        _STATUS,
        PUBLIC,
        "Which classes of OGC API - Processes hold",
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
        "Recipes that are offered as processes",
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
        "Offer a recipe as a process, which will be the caller's",
        answers.ProcessSummary,
        success=201,
        errors=(403, 409, 415, 422),
        takes_bundle=True,
        max_body=MAX_PROCESS,
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
        "Have a process be another content of its recipe",
        success=204,
        errors=(403, 404, 415, 422),
        takes_bundle=True,
        max_body=MAX_PROCESS,
        is_ogc=True,
    ),
    Route(
        "undeploy",
        "DELETE",
        "/processes/{process}",
        _SUBMIT,
        CHANGE,
        "Offer a process no longer; its jobs stay",
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
        "Run a process; safe to repeat with an Idempotency-Key",
        answers.StatusInfo,
        success=201,
        errors=(403, 404, 409, 422),
        request=ExecuteRequest,
        keyed=True,
        gives_values=True,
        is_ogc=True,
        about='JSON `{"inputs": {"YEAR": 2021}}`. Answered at once, with the new job.',
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
        about="404 until it has ended, 422 if it ended without.",
    ),
    Route(
        "dismiss_job",
        "DELETE",
        "/jobs/{name}",
        _SUBMIT,
        CHANGE,
        "Stop a job; remove what one that has ended left",
        answers.StatusInfo,
        errors=(403, 404, 409),
        is_ogc=True,
        about="A job that has ended is none any more; its run stays.",
    ),
)
