"""Managing triggers: the submit service changes them, the status service shows them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Response

from ogdc_functions.http.responses import json_response
from ogdc_functions.http.routing import Call, Route
from ogdc_functions.queries import Number, json_value
from ogdc_functions.views import shown_location
from ogdc_shared.context import Context
from ogdc_shared.errors import InvalidRequestError

if TYPE_CHECKING:
    from ogdc_shared.db.runs import Run
    from ogdc_shared.triggers.record import Trigger, Upload

UPLOADS = Number("uploads", 0, 1000, 20, "How many uploads, the newest.")


def changing_routes(context: Context) -> list[Route]:
    """The routes that add and remove triggers."""
    return [
        Route("POST", "/triggers", partial(_add, context), writes=True),
        Route("DELETE", "/triggers/{name}", partial(_remove, context), writes=True),
    ]


def reading_routes(context: Context) -> list[Route]:
    """The routes that show triggers."""
    return [
        Route("GET", "/triggers", partial(_list, context)),
        Route("GET", "/triggers/{name}", partial(_show, context)),
    ]


def origin_view(context: Context, run: Run) -> dict[str, Any] | None:
    """Return the trigger and the upload that started a run; None: somebody submitted it."""
    from ogdc_shared.triggers.manage import upload_of_run

    upload = upload_of_run(context, run)
    return None if upload is None else {"name": upload.trigger_name, "upload": _upload_view(upload)}


def _upload_view(upload: Upload) -> dict[str, Any]:
    """Return an upload and what became of it."""
    return {
        "bucket": upload.object.bucket,
        "key": upload.object.key,
        "size": upload.object.size,
        "etag": upload.object.etag,
        "version": upload.object.version,
        "source": upload.object.source,
        "event_id": upload.object.event_id,
        "received_at": upload.received_at.isoformat(),
        "outcome": upload.outcome,
        "message": upload.message,
        "run": upload.run,
    }


def _add(context: Context, call: Call) -> Response:
    from ogdc_shared.triggers.manage import define_trigger

    asked = json_value(call.request.get_data())
    if not isinstance(asked, dict):
        raise InvalidRequestError("The body has to be a JSON object with `name` and `bucket` at least.")
    return json_response(_trigger_view(define_trigger(context, caller=call.caller, asked=asked)))


def _remove(context: Context, call: Call) -> Response:
    from ogdc_shared.triggers.manage import remove_trigger

    remove_trigger(context, call.name)
    return json_response({"message": f"Trigger {call.name} is removed; the runs it started stay."})


def _list(context: Context, _call: Call) -> Response:
    from ogdc_shared.triggers.manage import list_triggers

    return json_response({"triggers": [_trigger_view(trigger) for trigger in list_triggers(context)]})


def _show(context: Context, call: Call) -> Response:
    from ogdc_shared.triggers.manage import show_trigger

    trigger, uploads = show_trigger(context, call.name, uploads=UPLOADS.read(call.request.args))
    return json_response(_trigger_view(trigger) | {"uploads": [_upload_view(upload) for upload in uploads]})


def _trigger_view(trigger: Trigger) -> dict[str, Any]:
    return {
        "name": trigger.name,
        "owner": trigger.owner,
        "bucket": trigger.bucket,
        "pattern": trigger.pattern,
        "kinds": trigger.kinds,
        "recipe_path": shown_location(trigger.recipe_path),
        "overwrite": trigger.overwrite,
        "pass_object": trigger.pass_object,
        "base_url": trigger.base_url,
        "created_at": trigger.created_at.isoformat(),
    }
