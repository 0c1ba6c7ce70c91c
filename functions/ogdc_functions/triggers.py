"""Handlers of triggers: the submit service changes them, the status service shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_functions.http.routing import Call
from ogdc_functions.views import shown_location
from ogdc_shared.api import answers, routes, trigger_answers
from ogdc_shared.context import Context
from ogdc_shared.errors import InvalidRequestError
from ogdc_shared.json_text import read_json
from ogdc_shared.redact import redact_url

if TYPE_CHECKING:
    from ogdc_shared.db.runs import Run
    from ogdc_shared.triggers.record import Trigger, Upload
    from ogdc_shared.triggers.schedule_record import ScheduledStart


def add_trigger(context: Context, call: Call) -> trigger_answers.Trigger:
    """Create a trigger."""
    from ogdc_shared.triggers import manage

    asked = read_json(call.request.get_data(), refusal="The body is not JSON")
    if not isinstance(asked, dict):
        raise InvalidRequestError(
            "The body must be a JSON object with `name`, and `bucket` or `schedule`, at least."
        )
    return _trigger_view(manage.define_trigger(context, caller=call.caller, asked=asked))


def remove_trigger(context: Context, call: Call, name: str) -> trigger_answers.TriggerRemoved:
    """Delete a trigger."""
    from ogdc_shared.triggers import manage

    manage.remove_trigger(context, name, caller=call.caller)
    return trigger_answers.TriggerRemoved(message=f"Trigger {name} is removed; the runs it started stay.")


def list_triggers(context: Context, _call: Call) -> trigger_answers.TriggerList:
    """Show all triggers."""
    from ogdc_shared.triggers import manage

    return trigger_answers.TriggerList(
        triggers=[_trigger_view(each) for each in manage.list_triggers(context)]
    )


def show_trigger(context: Context, call: Call, name: str) -> trigger_answers.TriggerDetail:
    """Show a trigger and its latest uploads or starts."""
    from msgspec.structs import asdict

    from ogdc_shared.triggers import manage

    shown = manage.show_trigger(context, name, most=routes.UPLOADS.read(call.request.args))
    return trigger_answers.TriggerDetail(
        **asdict(_trigger_view(shown.trigger)),
        uploads=[_upload_view(upload) for upload in shown.uploads],
        starts=[_start_view(start) for start in shown.starts],
    )


def origin_view(context: Context, run: Run) -> answers.RunOrigin | None:
    """Return the trigger that started a run, with its upload or time; None if a user submitted it."""
    if not (run.by_upload or run.by_schedule):
        return None
    from ogdc_shared.triggers import manage

    if run.by_upload and (upload := manage.upload_of_run(context, run)):
        return answers.RunOrigin(upload.trigger_name, _upload_view(upload))
    if run.by_schedule and (start := manage.start_of_run(context, run)):
        return answers.RunOrigin(start.trigger_name, scheduled_for=start.due_at)
    return None


def _start_view(start: ScheduledStart) -> trigger_answers.ScheduledStart:
    return trigger_answers.ScheduledStart(start.due_at, start.outcome, start.message, start.run)


def _upload_view(upload: Upload) -> answers.Upload:
    """Return an upload and its outcome."""
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


def _trigger_view(trigger: Trigger) -> trigger_answers.Trigger:
    return trigger_answers.Trigger(
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
        schedule=trigger.schedule,
        time_zone=trigger.time_zone,
        watched=[redact_url(url) for url in trigger.watched],
        queues=trigger.queues,
        next_start_at=trigger.due_at,
    )
