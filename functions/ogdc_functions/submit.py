"""The submit service: everything that changes something, and checking a recipe."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from flask import Request, Response
from werkzeug.exceptions import RequestEntityTooLarge

from ogdc_functions import triggers
from ogdc_functions.http.readiness import readiness_route
from ogdc_functions.http.responses import json_response, receipt
from ogdc_functions.http.routing import Call, Function, Route, build_function
from ogdc_functions.queries import Flag, Number, json_value
from ogdc_shared.context import Context
from ogdc_shared.errors import InvalidRequestError

if TYPE_CHECKING:
    from ogdc_shared.runs.recipes import RecipeSource

MAX_BUNDLE = 64 << 20
"""Bytes; the most an uploaded recipe may have."""

CACHE = Flag("cache", "False: fetch every input anew, and keep none for later runs.")
OVERWRITE = Flag("overwrite", "Replace the recipe's published data; as in a body of JSON.")
UNSENT_FOR = Number(
    "unsent_for", 0, 86_400, 120, "Seconds after which a run that Argo may not have counts as left over."
)
MAX_KEY = 255
"""Characters of an Idempotency-Key."""

_MAX_JSON = 64 << 10
_BUNDLE_TYPES = frozenset({"application/gzip", "application/x-gzip", "application/x-tar", "application/zip"})
_JSON_KEYS = frozenset({"recipe_path", "overwrite"})


def build(context: Context) -> Function:
    """Build the function that functions-framework serves as `submit`."""
    routes = [
        Route("POST", "/submit", partial(_submit, context), writes=True, max_body=MAX_BUNDLE),
        Route("POST", "/validate", partial(_validate, context), max_body=MAX_BUNDLE),
        Route("POST", "/runs/{name}/cancel", partial(_cancel, context), writes=True),
        Route("DELETE", "/runs/{name}", partial(_remove, context), writes=True),
        Route("POST", "/runs/{name}/retry", partial(_retry, context), writes=True),
        # No caller's: it does only what was promised before, no entry leads to it, and events have a token.
        Route("POST", "/sweep", partial(_sweep, context), public=True),
        *triggers.changing_routes(context),
        readiness_route(context),
    ]
    return build_function(routes, access_mode=context.settings.access_mode, telemetry=context.telemetry)


def _submit(context: Context, call: Call) -> Response:
    from ogdc_shared.runs.submit import submit_recipe

    source, overwrite = _asked_for(call.request)
    advice: list[str] = []
    run = submit_recipe(
        context,
        caller=call.caller,
        source=source,
        overwrite=overwrite,
        cache=CACHE.read(call.request.args) is not False,
        idempotency_key=_idempotency_key(call.request),
        on_advice=advice.extend,
    )
    return json_response(
        {
            "message": f"Recipe {run.recipe_id} is submitted as run {run.name}.",
            "recipe_workflow_name": run.name,
            "run_id": str(run.id),
            "advice": advice,
        }
    )


def _validate(context: Context, call: Call) -> Response:
    from ogdc_shared.runs.recipes import opened_recipe

    source, _ = _asked_for(call.request)
    with opened_recipe(context, source) as recipe:
        return json_response(
            {
                "message": f"Recipe {recipe.id} is valid.",
                "recipe_id": recipe.id,
                "recipe_name": recipe.meta.name,
                "commands": len(recipe.commands),
                "advice": list(recipe.advice),
            }
        )


def _cancel(context: Context, call: Call) -> Response:
    from ogdc_functions.views import run_view
    from ogdc_shared.runs.control import cancel_run

    return json_response(run_view(cancel_run(context, call.name, by=call.caller.name)))


def _remove(context: Context, call: Call) -> Response:
    from ogdc_functions.views import run_view
    from ogdc_shared.runs.control import remove_run

    return json_response(run_view(remove_run(context, call.name)))


def _retry(context: Context, call: Call) -> Response:
    from ogdc_functions.views import run_view
    from ogdc_shared.runs.control import retry_run

    return json_response(run_view(retry_run(context, call.name)))


def _sweep(context: Context, call: Call) -> Response:
    from ogdc_functions.senders import check_sweeper
    from ogdc_shared.sweep import sweep

    check_sweeper(context, call.request)
    seconds = UNSENT_FOR.read(call.request.args)
    return receipt(call.request, sweep(context, unsent_for=seconds)._asdict())


def _asked_for(request: Request) -> tuple[RecipeSource, bool]:
    """Read a request's recipe, and whether published data are to be replaced."""
    from ogdc_shared.runs.recipes import RecipeSource

    overwrite = OVERWRITE.read(request.args)
    if request.mimetype in _BUNDLE_TYPES:
        return RecipeSource(bundle=request.get_data()), bool(overwrite)
    if request.mimetype != "application/json":
        raise InvalidRequestError(
            f"Content-Type {request.mimetype!r}: send JSON such as "
            '{"recipe_path": "github://org:repo@ref/path"}, or a recipe directory packed as application/gzip '
            "(tar.gz) or application/zip."
        )
    if len(request.get_data()) > _MAX_JSON:
        raise RequestEntityTooLarge(f"A request in JSON has at most {_MAX_JSON} bytes.")
    return _in_json(request.get_data(), overwrite=overwrite)


def _in_json(body: bytes, *, overwrite: bool | None) -> tuple[RecipeSource, bool]:
    """Read a request in JSON; `overwrite` is what its query says, None: nothing."""
    from ogdc_shared.runs.recipes import RecipeSource

    asked = json_value(body)
    if not isinstance(asked, dict) or not asked.keys() <= _JSON_KEYS:
        raise InvalidRequestError(
            "The body has to be a JSON object with `recipe_path` and, if wanted, `overwrite`."
        )
    location, in_body = asked.get("recipe_path"), asked.get("overwrite", bool(overwrite))
    if not isinstance(location, str):
        raise InvalidRequestError(
            "recipe_path: give the recipe's location as text, e.g. github://org:repo@ref/path."
        )
    if not isinstance(in_body, bool):
        raise InvalidRequestError(f"overwrite={in_body!r:.100}: give true or false.")
    if overwrite not in {None, in_body}:
        raise InvalidRequestError("overwrite is true in one place and false in the other; say it once.")
    return RecipeSource(location=location), in_body


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= MAX_KEY and key.isprintable()):
        raise InvalidRequestError(f"Idempotency-Key: give 1 to {MAX_KEY} printable characters.")
    return key
