"""The submit service: changes of runs, triggers and processes, and validation of recipes.

Handlers are named like their routes. They import what they need on the first call, so that an instance that
only cancels runs does not load the workflow compiler.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Request, Response
from werkzeug.exceptions import RequestEntityTooLarge

from ogdc_functions import processes, triggers
from ogdc_functions.http.bodies import BUNDLE_TYPES, idempotency_key
from ogdc_functions.http.responses import receipt
from ogdc_functions.http.routing import Call, Served
from ogdc_functions.http.serving import serve
from ogdc_shared.api import answers, routes
from ogdc_shared.api.parameters import read_assignments
from ogdc_shared.api.requests import SubmitRequest
from ogdc_shared.context import Context
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.json_text import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ogdc_shared.runs.recipes import RecipeSource

_MAX_JSON = 64 << 10
_JSON_KEYS = frozenset(SubmitRequest.__struct_fields__)


def build(context: Context) -> Served:
    """Build the function that functions-framework serves as `submit`."""
    return serve(routes.Function.SUBMIT, context, sys.modules[__name__], triggers, processes)


def submit(context: Context, call: Call) -> answers.SubmitResponse:
    """Run a recipe."""
    from ogdc_shared.runs.submit import submit_recipe

    asked = _asked_for(call.request)
    advice: list[str] = []
    run = submit_recipe(
        context,
        caller=call.caller,
        **asked._asdict(),
        cache=routes.CACHE.read(call.request.args) is not False,
        fresh=routes.FRESH.read(call.request.args) is True,
        priority=routes.PRIORITY.read(call.request.args),
        idempotency_key=idempotency_key(call.request),
        on_advice=advice.extend,
    )
    message = f"Recipe {run.recipe_id} is submitted as run {run.name}."
    if run.waits:
        from ogdc_shared.runs.turns import with_turns

        message += f" {with_turns(context, [run])[0].message}"
    return answers.SubmitResponse(
        message=message,
        recipe_workflow_name=run.name,
        run_id=str(run.id),
        advice=advice,
        waits=run.waits,
    )


def validate(context: Context, call: Call) -> answers.ValidateResponse:
    """Check a recipe."""
    from ogdc_shared.recipe.parameters import read_values
    from ogdc_shared.recipe.recipe import output_advice
    from ogdc_shared.runs.recipes import opened_recipe

    asked = _asked_for(call.request)
    with opened_recipe(context, asked.source) as recipe:
        if asked.parameters:
            read_values(recipe.meta.parameters, asked.parameters)
        return answers.ValidateResponse(
            message=f"Recipe {recipe.id} is valid.",
            recipe_id=recipe.id,
            recipe_name=recipe.meta.name,
            commands=len(recipe.commands),
            advice=[*recipe.advice, *output_advice(recipe.meta)],
        )


def cancel_run(context: Context, call: Call, name: str) -> answers.Run:
    """Stop a run."""
    from ogdc_functions.views import run_view
    from ogdc_shared.runs import control

    return run_view(control.cancel_run(context, name, caller=call.caller))


def remove_run(context: Context, call: Call, name: str) -> answers.Run:
    """Remove the artifacts of a run."""
    from ogdc_functions.views import run_view
    from ogdc_shared.runs import control

    return run_view(control.remove_run(context, name, caller=call.caller))


def retry_run(context: Context, call: Call, name: str) -> answers.Run:
    """Retry the failed tasks of a run."""
    from ogdc_functions.views import run_view
    from ogdc_shared.runs import control

    return run_view(control.retry_run(context, name, caller=call.caller))


def sweep(context: Context, call: Call) -> Response:
    """Run a sweep, for the deployment's timer or one of its event sources."""
    from ogdc_functions.senders import check_sweeper
    from ogdc_shared import sweep as sweeping

    check_sweeper(context, call.request)
    swept = sweeping.sweep(context, unsent_for=routes.UNSENT_FOR.read(call.request.args))
    return receipt(call.request, answers.SweepResponse(**swept._asdict()))


class _Asked(NamedTuple):
    """A parsed request to submit or validate."""

    source: RecipeSource
    overwrite: bool
    """Whether to replace published data."""
    parameters: Mapping[str, Any]
    """Values by name."""


def _asked_for(request: Request) -> _Asked:
    from ogdc_shared.runs.recipes import RecipeSource

    overwrite, in_query = routes.OVERWRITE.read(request.args), read_assignments(routes.SET.read(request.args))
    if request.mimetype in BUNDLE_TYPES:
        return _Asked(RecipeSource(bundle=request.get_data()), bool(overwrite), in_query)
    if request.mimetype != "application/json":
        raise InvalidRequestError(
            f"Content-Type {request.mimetype!r}: send JSON such as "
            '{"recipe_path": "github://org:repo@ref/path"}, or a recipe directory packed as application/gzip '
            "(tar.gz) or application/zip."
        )
    if len(request.get_data()) > _MAX_JSON:
        raise RequestEntityTooLarge(f"A request in JSON has at most {_MAX_JSON} bytes.")
    asked = _in_json(request.get_data(), overwrite=overwrite)
    if twice := sorted(asked.parameters.keys() & in_query.keys()):
        raise InvalidRequestError(f"parameter {twice[0]!r:.100}: is given in two places; give it once.")
    return asked._replace(parameters={**asked.parameters, **in_query})


def _in_json(body: bytes, *, overwrite: bool | None) -> _Asked:
    """Parse a JSON request; `overwrite` is the value in the query, if any."""
    from ogdc_shared.runs.recipes import RecipeSource

    asked = read_json(body, refusal="The body is not JSON")
    if not isinstance(asked, dict) or not asked.keys() <= _JSON_KEYS:
        raise InvalidRequestError(
            "The body must be a JSON object with `recipe_path` and, if wanted, `overwrite` and `parameters`."
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
    parameters = asked.get("parameters", {})
    if not isinstance(parameters, dict):
        raise InvalidRequestError('parameters: give an object of values by name, such as {"YEAR": 2021}.')
    return _Asked(RecipeSource(location=location), in_body, parameters)
