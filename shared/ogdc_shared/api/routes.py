"""The table of routes: every request that the services accept, each with exactly one handler.

The functions and the local gateway route by this table; the OpenAPI document, `GET /` and docs/api.md are
generated from it, and a test checks the ingress manifests against it. A handler is a Python function with the
name of its route, in the module of the service.
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
from ogdc_shared.recipe.forms import MAX_BUNDLE

__all__ = ["ROUTES", "Function", "Route", "readable_paths", "routes_of"]

MAX_KEY = 255
"""Maximum length of an Idempotency-Key, in characters."""
_MAX_EVENTS = 32 << 20
"""In bytes; large, because Camel's source sends whole objects."""


RECIPE_ID = Text("recipe_id", "Only runs of this recipe.")
STATUS = Choice("status", RUN_STATUSES, "Only runs of this status.")
SUBMITTED_BY = Text("submitted_by", "Only runs of the user with this name.")
NAME_PREFIX = Text("name_prefix", "Only runs whose name starts with this.")
RUNS_LIMIT = Number("limit", 1, 200, 50, "Maximum number of runs.")
BEFORE = Text("before", "The `next` of the previous page.")
TASK_LIMIT = Number("task_limit", 0, 1000, 1000, "Maximum number of tasks.")
TASK_OFFSET = Number("task_offset", 0, 1 << 31, 0, "Number of tasks to skip.")
CACHE = Flag("cache", "False: fetch every input again, and keep none for later runs.")
FRESH = Flag("fresh", "True: run everything again; reuse no results of earlier runs.")
PRIORITY = Number(
    "priority", -100, 100, 0, "Queued runs with a higher priority start first; above 0 is for admins."
)
OVERWRITE = Flag("overwrite", "Replace the recipe's published data; may also be given in the JSON body.")
SET = Texts("set", "NAME=VALUE: the value of one parameter of the recipe; may be repeated.")
UNSENT_FOR = Number(
    "unsent_for", 0, 86_400, 120, "Seconds after which a run not yet confirmed by Argo is handed over again."
)
UPLOADS = Number("uploads", 0, 1000, 20, "Maximum number of uploads or starts; the newest are returned.")

_SUBMIT, _STATUS, _USERS = (Function.SUBMIT,), (Function.STATUS,), (Function.USERS,)

ROUTES = (
    Route(
        "submit",
        "POST",
        "/submit",
        _SUBMIT,
        CREATE,
        "Submit a recipe, by location or as a bundle; safe to repeat with an Idempotency-Key",
        answers.SubmitResponse,
        errors=(403, 404, 409, 422),
        query=(OVERWRITE, CACHE, FRESH, PRIORITY, SET),
        request=requests.SubmitRequest,
        takes_bundle=True,
        keyed=True,
        max_body=MAX_BUNDLE,
        about='JSON `{"recipe_path": "<location>", "overwrite": false, "parameters": {"YEAR": 2021}}`, or '
        "the recipe directory itself as a tar.gz or zip body; `?overwrite=true` and `?set=YEAR=2021` work "
        "with both. `?cache=false` fetches every input again, `?fresh=true` reuses no results of earlier "
        "runs; `?priority=-1` lets other [queued](queues.md) runs start first.",
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
        about="The recipe is sent as for `POST /submit`; no input is fetched, and values of parameters are "
        "checked if given. `advice` lists probable mistakes in a valid recipe.",
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
        about="`recipe_workflow_name`, `status`, `timestamp`. Reads a single row.",
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
        about="Parameters: `recipe_id`, `status`, `submitted_by`, `name_prefix`, `limit`, and `before`, the "
        "`next` of the previous page. See [waiting for changes](#waiting-for-changes).",
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
        about="Includes progress, message and provenance, and the first 20 `warnings` (`kind`, `message`, "
        "`partition`); `warning_count`, also in lists, counts all of them. See [waiting for "
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
        about="It becomes Failed once its tasks have ended, or Succeeded if its result was already "
        "published. 409 if it has ended.",
    ),
    Route(
        "remove_run",
        "DELETE",
        "/runs/{name}",
        _SUBMIT,
        CHANGE,
        "Remove the artifacts of a finished run; its record and published data are kept",
        answers.Run,
        errors=(403, 404, 409),
        about="Removes its workflow, logs, artifacts and download; on one machine also the data kept for a "
        "retry. The run's `deleted_at` is set. 409 while the run has not ended.",
    ),
    Route(
        "retry_run",
        "POST",
        "/runs/{name}/retry",
        _SUBMIT,
        CHANGE,
        "Retry the failed tasks of a run",
        answers.Run,
        errors=(403, 404, 409),
    ),
    Route(
        "sweep",
        "POST",
        "/sweep",
        _SUBMIT,
        SOURCE,
        "Reconcile: finish work left undone by a crash or an outage",
        answers.SweepResponse,
        errors=(401, 403),
        query=(UNSENT_FOR,),
        about="Called by a timer; not reachable from outside the cluster.",
    ),
    Route(
        "add_trigger",
        "POST",
        "/triggers",
        _SUBMIT,
        CREATE,
        "Create a trigger: uploads or a schedule start runs, owned by the caller",
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
        "A trigger with its latest uploads or starts",
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
        "Delete a trigger; its runs are kept",
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
        "The web page about runs",
        documented=False,
        about="See [the web page](page.md).",
    ),
    Route(
        "page_file", "GET", "/ui/{path}", _STATUS, PUBLIC, "A static file of the web page", documented=False
    ),
    Route(
        "index",
        "GET",
        "/",
        _STATUS,
        PUBLIC,
        "The landing page: paths and links",
        answers.IndexResponse,
        documented=False,
    ),
    Route(
        "health",
        "GET",
        "/healthz",
        tuple(Function),
        PUBLIC,
        "Liveness: whether the process serves requests",
        answers.HealthResponse,
        observed=False,
    ),
    Route(
        "ready",
        "GET",
        "/readyz",
        tuple(each for each in Function if each is not Function.DEAD_LETTERS),
        PUBLIC,
        "Readiness: whether the database answers and has the schema of this version",
        answers.ReadyResponse,
        observed=False,
        about="503 with the reason if not.",
    ),
    Route(
        "receive_workflow_events",
        "POST",
        "/events/argo",
        (Function.ARGO_EVENTS,),
        SOURCE,
        "CloudEvents about workflows, in binary, structured or batch mode",
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
        "Notifications of object stores about uploads",
        answers.UploadsResponse,
        max_body=_MAX_EVENTS,
        documented=False,
        about="See [triggers](triggers.md#sending-notifications).",
    ),
    Route(
        "log_dead_letter",
        "POST",
        "/events/dead-letters",
        (Function.DEAD_LETTERS,),
        SOURCE,
        "Dead letters: events that could not be delivered after all retries",
        answers.LoggedResponse,
        max_body=_MAX_EVENTS,
        documented=False,
    ),
)


def routes_of(function: Function) -> Iterator[Route]:
    """The routes of a function.

    Routes that receive events are also served at `/`, where Knative's Triggers deliver.
    """
    for route in ROUTES:
        if function in route.functions:
            yield route
            if route.path.startswith("/events/"):
                yield route._replace(path="/")


def readable_paths() -> list[str]:
    """The paths that `GET /` lists: all documented GET routes of status and users."""
    return [
        route.path
        for route in ROUTES
        if route.functions in {_STATUS, _USERS} and route.method == "GET" and route.documented
    ]
