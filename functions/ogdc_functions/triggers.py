"""Managing triggers: the submit service changes them, the status service shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_functions.http.routing import Call
from ogdc_functions.views import shown_location
from ogdc_shared.api import answers, routes
from ogdc_shared.context import Context
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.json_text import read_json

if TYPE_CHECKING:
    from ogdc_shared.db.runs import Run
    from ogdc_shared.triggers.record import Trigger, Upload


def add_trigger(context: Context, call: Call) -> answers.Trigger:
    """Have uploads start runs."""
    from ogdc_shared.triggers import manage

    asked = read_json(call.request.get_data(), refusal="The body is not JSON")
    if not isinstance(asked, dict):
        raise InvalidRequestError("The body has to be a JSON object with `name` and `bucket` at least.")
    return _trigger_view(manage.define_trigger(context, caller=call.caller, asked=asked))


def remove_trigger(context: Context, call: Call, name: str) -> answers.TriggerRemoved:
    """Forget a trigger."""
    from ogdc_shared.triggers import manage

    manage.remove_trigger(context, name, caller=call.caller)
    return answers.TriggerRemoved(message=f"Trigger {name} is removed; the runs it started stay.")


def list_triggers(context: Context, _call: Call) -> answers.TriggerList:
    """Show all triggers."""
    from ogdc_shared.triggers import manage

    return answers.TriggerList(triggers=[_trigger_view(each) for each in manage.list_triggers(context)])


def show_trigger(context: Context, call: Call, name: str) -> answers.TriggerDetail:
    """Show a trigger and its newest uploads."""
    from msgspec.structs import asdict

    from ogdc_shared.triggers import manage

    trigger, uploads = manage.show_trigger(context, name, uploads=routes.UPLOADS.read(call.request.args))
    return answers.TriggerDetail(
        **asdict(_trigger_view(trigger)), uploads=[_upload_view(upload) for upload in uploads]
    )


def origin_view(context: Context, run: Run) -> answers.RunOrigin | None:
    """Return the trigger and the upload that started a run; None: somebody submitted it."""
    if not run.by_upload:
        return None
    from ogdc_shared.triggers.manage import upload_of_run

    upload = upload_of_run(context, run)
    return None if upload is None else answers.RunOrigin(upload.trigger_name, _upload_view(upload))


def _upload_view(upload: Upload) -> answers.Upload:
    """Return an upload and what became of it."""
    return answers.Upload(
        bucket=upload.object.bucket,
        key=upload.object.key,
        size=upload.object.size,
        etag=upload.object.etag,
        version=upload.object.version,
        source=upload.object.source,
        event_id=upload.object.event_id,
        received_at=upload.received_at,
        outcome=upload.outcome,
        message=upload.message,
        run=upload.run,
    )


def _trigger_view(trigger: Trigger) -> answers.Trigger:
    return answers.Trigger(
        name=trigger.name,
        owner=trigger.owner,
        bucket=trigger.bucket,
        pattern=trigger.pattern,
        kinds=trigger.kinds,
        recipe_path=shown_location(trigger.recipe_path),
        overwrite=trigger.overwrite,
        pass_object=trigger.pass_object,
        base_url=trigger.base_url,
        created_at=trigger.created_at,
    )
