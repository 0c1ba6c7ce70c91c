"""The table of routes: all that can be asked of the services, each defined here and answered by one handler.

Functions route by it, and so does the local gateway; the OpenAPI document, `GET /` and docs/api.md are made
of it, and a test holds the ways into a cluster to it. A handler is a function of its function's module, under
the route's name.
"""

from __future__ import annotations

from collections.abc import Iterator

from ogdc_shared.api import answers, requests, trigger_answers
from ogdc_shared.api.account_routes import ACCOUNT_ROUTES
from ogdc_shared.api.login_routes import LOGIN_ROUTES
from ogdc_shared.api.parameters import Choice, Flag, Number, Text, Texts
from ogdc_shared.api.process_routes import PROCESS_ROUTES
from ogdc_shared.api.route import Function, Route
from ogdc_shared.api.run_routes import RUN_ROUTES
from ogdc_shared.api.webhook_routes import WEBHOOK_ROUTES
from ogdc_shared.auth.permissions import CHANGE, CHECK, CREATE, PUBLIC, READ, SOURCE
from ogdc_shared.phases import RUN_STATUSES

__all__ = ["ROUTES", "Function", "Route", "readable_paths", "routes_of"]

MAX_BUNDLE = 64 << 20
"""Bytes; the most an uploaded recipe may have."""
MAX_KEY = 255
"""Characters of an Idempotency-Key."""
_MAX_EVENTS = 32 << 20
"""Bytes; Camel's source sends whole objects."""


RECIPE_ID = Text("recipe_id", "Only runs of this recipe.")
STATUS = Choice("status", RUN_STATUSES, "Only runs of this status.")
SUBMITTED_BY = Text("submitted_by", "Only runs of the user who is called so.")
NAME_PREFIX = Text("name_prefix", "Only runs whose name begins so.")
RUNS_LIMIT = Number("limit", 1, 200, 50, "How many.")
BEFORE = Text("before", "The `next` of the page before.")
TASK_LIMIT = Number("task_limit", 0, 1000, 1000, "How many tasks.")
TASK_OFFSET = Number("task_offset", 0, 1 << 31, 0, "How many tasks to leave out at the beginning.")
CACHE = Flag("cache", "False: fetch every input anew, and keep none for later runs.")
FRESH = Flag("fresh", "True: run everything anew, also what is known from earlier runs.")
PRIORITY = Number(
    "priority", -100, 100, 0, "Where runs take turns, those of a higher one go first; above 0 takes an admin."
)
OVERWRITE = Flag("overwrite", "Replace the recipe's published data; as in a body of JSON.")
SET = Texts("set", "NAME=VALUE: the value of a parameter of the recipe; once for each.")
UNSENT_FOR = Number(
    "unsent_for", 0, 86_400, 120, "Seconds after which a run that Argo may not have counts as left over."
)
UPLOADS = Number("uploads", 0, 1000, 20, "How many uploads, or starts, the newest.")

_SUBMIT, _STATUS, _USERS = (Function.SUBMIT,), (Function.STATUS,), (Function.USERS,)

ROUTES = (
    Route(
        "submit",
        "POST",
        "/submit",
        _SUBMIT,
        CREATE,
        "Run a recipe that is named or sent along; safe to repeat with an Idempotency-Key",
        answers.SubmitResponse,
        errors=(403, 404, 409, 422),
        query=(OVERWRITE, CACHE, FRESH, PRIORITY, SET),
        request=requests.SubmitRequest,
        takes_bundle=True,
        keyed=True,
        max_body=MAX_BUNDLE,
        about='JSON `{"recipe_path": "<location>", "overwrite": false, "parameters": {"YEAR": 2021}}`, or '
        "the recipe directory itself as a tar.gz or zip body; with `?overwrite=true` and `?set=YEAR=2021`, "
        "if wanted, in either case. `?cache=false` has every input fetched anew, `?fresh=true` every command "
        "run; `?priority=-1` lets others go first where runs [take turns](queues.md).",
    ),
    Route(
        "validate",
        "POST",
        "/validate",
        _SUBMIT,
        CHECK,
        "Check a recipe",
        answers.ValidateResponse,
        errors=(403, 404, 422),
        query=(OVERWRITE, SET),
        request=requests.SubmitRequest,
        takes_bundle=True,
        max_body=MAX_BUNDLE,
        about="Given in the same ways; none of its inputs is fetched, and values of its parameters are "
        "checked where there are any. `advice` lists what its author may not "
        "have meant.",
    ),
    Route(
        "status",
        "GET",
        "/status/{name}",
        _STATUS,
        READ,
        "A run's status",
        answers.StatusResponse,
        errors=(404,),
        about="`recipe_workflow_name`, `status`, `timestamp`. One read of one row.",
    ),
    Route(
        "output",
        "GET",
        "/output/{name}",
        _STATUS,
        READ,
        "A link to a run's output",
        answers.OutputResponse,
        errors=(404, 409, 410),
        about="`data_url`, a signed link to the zip of a run with `output: temporary`.",
    ),
    Route(
        "list_runs",
        "GET",
        "/runs",
        _STATUS,
        READ,
        "Runs, newest first",
        answers.RunList,
        query=(RECIPE_ID, STATUS, SUBMITTED_BY, NAME_PREFIX, RUNS_LIMIT, BEFORE),
        has_etag=True,
        about="`recipe_id`, `status`, `submitted_by`, `name_prefix`, `limit`, and `before` with the `next` "
        "of the page before. See [waiting for changes](#waiting-for-changes).",
    ),
    Route(
        "show_run",
        "GET",
        "/runs/{name}",
        _STATUS,
        READ,
        "A run with its tasks",
        answers.RunDetail,
        errors=(404,),
        query=(TASK_LIMIT, TASK_OFFSET),
        has_etag=True,
        about="With progress, message and provenance, and the first 20 of its `warnings` (`kind`, `message`, "
        "`partition`), of which `warning_count` counts all; lists have the count. See [waiting for "
        "changes](#waiting-for-changes).",
    ),
    *RUN_ROUTES,
    Route(
        "cancel_run",
        "POST",
        "/runs/{name}/cancel",
        _SUBMIT,
        CHANGE,
        "Stop a run",
        answers.Run,
        errors=(403, 404, 409),
    ),
    Route(
        "remove_run",
        "DELETE",
        "/runs/{name}",
        _SUBMIT,
        CHANGE,
        "Remove what a run that has ended left; its record and published data stay",
        answers.Run,
        errors=(403, 404, 409),
        about="That is its workflow, logs, artifacts and download; on one machine also what it kept for a "
        "retry. `deleted_at` of the run says when. 409 before its end.",
    ),
    Route(
        "retry_run",
        "POST",
        "/runs/{name}/retry",
        _SUBMIT,
        CHANGE,
        "Try the failed tasks of a run again",
        answers.Run,
        errors=(403, 404, 409),
    ),
    Route(
        "sweep",
        "POST",
        "/sweep",
        _SUBMIT,
        SOURCE,
        "Finish what was left undone",
        answers.SweepResponse,
        errors=(401, 403),
        query=(UNSENT_FOR,),
        about="By a crash or an outage; called by a timer. No way into a cluster leads to it.",
    ),
    Route(
        "add_trigger",
        "POST",
        "/triggers",
        _SUBMIT,
        CREATE,
        "Have uploads, or the clock, start runs, which will be the caller's",
        trigger_answers.Trigger,
        errors=(403, 404, 409, 422),
        request=requests.TriggerRequest,
        about="See [triggers](triggers.md).",
    ),
    Route("list_triggers", "GET", "/triggers", _STATUS, READ, "All triggers", trigger_answers.TriggerList),
    Route(
        "show_trigger",
        "GET",
        "/triggers/{name}",
        _STATUS,
        READ,
        "A trigger with its newest uploads or starts",
        trigger_answers.TriggerDetail,
        errors=(404,),
        query=(UPLOADS,),
    ),
    Route(
        "remove_trigger",
        "DELETE",
        "/triggers/{name}",
        _SUBMIT,
        CHANGE,
        "Remove a trigger; its runs stay",
        trigger_answers.TriggerRemoved,
        errors=(403, 404),
    ),
    *WEBHOOK_ROUTES,
    *PROCESS_ROUTES,
    *ACCOUNT_ROUTES,
    *LOGIN_ROUTES,
    Route("version", "GET", "/version", _STATUS, PUBLIC, "The service's version", answers.VersionResponse),
    Route("openapi", "GET", "/openapi.json", _STATUS, PUBLIC, "This API in OpenAPI 3.1", documented=False),
    Route(
        "page",
        "GET",
        "/ui",
        _STATUS,
        PUBLIC,
        "A page about runs, for browsers",
        documented=False,
        about="See [the page about runs](page.md).",
    ),
    Route("page_file", "GET", "/ui/{path}", _STATUS, PUBLIC, "A file that it is made of", documented=False),
    Route(
        "index",
        "GET",
        "/",
        _STATUS,
        PUBLIC,
        "What can be read here",
        answers.IndexResponse,
        documented=False,
    ),
    Route(
        "health",
        "GET",
        "/healthz",
        tuple(Function),
        PUBLIC,
        "Whether the process serves",
        answers.HealthResponse,
        observed=False,
    ),
    Route(
        "ready",
        "GET",
        "/readyz",
        tuple(each for each in Function if each is not Function.DEAD_LETTERS),
        PUBLIC,
        "Whether the database answers and has this version's schema",
        answers.ReadyResponse,
        observed=False,
        about="503 and why, if not.",
    ),
    Route(
        "receive_workflow_events",
        "POST",
        "/events/argo",
        (Function.ARGO_EVENTS,),
        SOURCE,
        "CloudEvents about workflows, binary, structured or in batches",
        answers.EventsResponse,
        max_body=_MAX_EVENTS,
        documented=False,
    ),
    Route(
        "receive_uploads",
        "POST",
        "/events/upload",
        (Function.UPLOAD,),
        SOURCE,
        "What object stores tell about uploads",
        answers.UploadsResponse,
        max_body=_MAX_EVENTS,
        documented=False,
        about="See [triggers](triggers.md#telling-the-service).",
    ),
    Route(
        "log_dead_letter",
        "POST",
        "/events/dead-letters",
        (Function.DEAD_LETTERS,),
        SOURCE,
        "Events that nobody took after all retries",
        answers.LoggedResponse,
        max_body=_MAX_EVENTS,
        documented=False,
    ),
)


def routes_of(function: Function) -> Iterator[Route]:
    """The routes that a function answers.

    What takes events does so also at `/`, where Knative's Triggers deliver.
    """
    for route in ROUTES:
        if function in route.functions:
            yield route
            if route.path.startswith("/events/"):
                yield route._replace(path="/")


def readable_paths() -> list[str]:
    """What `GET /` names: the paths that tell something of runs, of users, or of the service."""
    return [
        route.path
        for route in ROUTES
        if route.functions in {_STATUS, _USERS} and route.method == "GET" and route.documented
    ]
