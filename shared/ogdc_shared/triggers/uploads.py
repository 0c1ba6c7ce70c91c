"""Starting runs for uploads: exactly one for each trigger, however often an upload is reported.

Uploads are recorded before anything is submitted (docs/decisions/0010-uploads-outbox.md). So
answering an event needs only the database, and whatever has to wait is left to the sweep.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run, get_run
from ogdc_shared.errors import AlreadyRunningError, InputError, LimitError, OgdcError
from ogdc_shared.globs import matches
from ogdc_shared.outcomes import UploadOutcome
from ogdc_shared.plan import InputFile
from ogdc_shared.runs.handover import ensure_handed_over
from ogdc_shared.telemetry.tracing import within
from ogdc_shared.triggers import record
from ogdc_shared.triggers.notifications import ObjectCreated
from ogdc_shared.triggers.objects import is_recipe, object_url, recipe_bundle, recipe_location
from ogdc_shared.triggers.owners import owner_of
from ogdc_shared.triggers.record import Trigger, Upload

PATIENCE_SECONDS = 20.0
"""After this what one request reported is left to the sweep: whoever sent it waits for the answer."""
UNTRIED_SECONDS = 45.0
"""After which the sweep goes on with an upload that waits."""
MAX_WAIT_SECONDS = 86_400.0
"""After this an upload that still cannot start is refused."""

_log = logging.getLogger(__name__)


class TriedUpload(NamedTuple):
    """What became of an upload."""

    trigger: str
    outcome: UploadOutcome
    run: str | None = None
    message: str | None = None
    """Why it waits or is refused."""


def receive_uploads(context: Context, uploads: Iterable[ObjectCreated]) -> list[TriedUpload]:
    """Record uploads for the triggers they are meant for, then start the runs.

    Raises:
        DatabaseUnavailableError: nothing was recorded, so the event has to come again.
    """
    with context.database.transaction() as conn:
        recorded = [
            record.record_upload(conn, trigger, upload)
            for upload in uploads
            if _is_foreign(context, upload)
            for trigger in record.list_triggers(conn, bucket=upload.bucket)
            if _is_wanted(trigger, upload)
        ]
    deadline = monotonic() + PATIENCE_SECONDS
    outcomes = []
    for upload_id in dict.fromkeys(recorded):
        outcome = start_upload(context, upload_id, begin=monotonic() < deadline)
        if outcome is not None:
            outcomes.append(outcome)
    return outcomes


def resume_uploads(context: Context, *, deadline: float, untried_for: float = UNTRIED_SECONDS) -> list[str]:
    """Try the waiting uploads again; returns the names of the started runs.

    Args:
        context: The services.
        deadline: In monotonic seconds; no run is started later.
        untried_for: Skip uploads that were tried within this number of seconds.
    """
    with context.database.autocommit() as conn:
        waiting = record.waiting_uploads(conn, untried_for=untried_for)
    outcomes = [start_upload(context, upload_id) for upload_id in waiting if monotonic() < deadline]
    return [
        outcome.run
        for outcome in outcomes
        if outcome and outcome.outcome == UploadOutcome.STARTED and outcome.run
    ]


def start_upload(context: Context, upload_id: UUID, *, begin: bool = True) -> TriedUpload | None:
    """Start an upload's run unless it has one; None if its trigger was removed.

    Args:
        context: The services.
        upload_id: Id of a recorded upload.
        begin: If False, only return what is known about it.
    """
    with context.database.autocommit() as conn:
        upload = record.get_upload(conn, upload_id)
        if upload is None or upload.trigger_id is None:
            return None
        trigger = record.find_trigger(conn, upload.trigger_id)
    if trigger is None:
        return None
    if upload.outcome == UploadOutcome.STARTED:
        return TriedUpload(trigger.name, UploadOutcome.KNOWN, upload.run)
    if not begin:
        return TriedUpload(trigger.name, UploadOutcome(upload.outcome), message=upload.message)
    event = {"event_id": upload.object.event_id, "event_source": upload.object.source}
    with within(trigger=trigger.name, **event):
        return _tried(context, trigger, upload)


def _tried(context: Context, trigger: Trigger, upload: Upload) -> TriedUpload:
    try:
        run = _handed_over(context, trigger, upload) or _submit(context, trigger, upload)
    except OgdcError as exc:
        outcome = TriedUpload(trigger.name, _outcome_of(exc, upload), message=str(exc))
        _log.warning("upload %s for trigger %s is %s: %s", upload.id, trigger.name, outcome.outcome, exc)
        with context.database.transaction() as conn:
            record.record_try(conn, upload.id, outcome=outcome.outcome, message=outcome.message)
        return outcome
    with context.database.transaction() as conn:
        first = record.record_try(conn, upload.id, outcome=UploadOutcome.STARTED, run_id=run.id)
    if first:
        with within(run=run.name):
            _log.info("run %s started by trigger %s for upload %s", run.name, trigger.name, upload.id)
    return TriedUpload(trigger.name, UploadOutcome.STARTED if first else UploadOutcome.KNOWN, run.name)


def _outcome_of(exc: OgdcError, upload: Upload) -> UploadOutcome:
    """Whether what went wrong may pass: a part that is away, a run that has not ended, a missing setting."""
    passing = isinstance(exc, AlreadyRunningError | LimitError) or not isinstance(exc, InputError)
    return (
        UploadOutcome.WAITING if passing and upload.age_seconds < MAX_WAIT_SECONDS else UploadOutcome.REFUSED
    )


def _handed_over(context: Context, trigger: Trigger, upload: Upload) -> Run | None:
    """Hand over the run that an earlier try recorded, unless Argo has it; None if there is no run."""
    with context.database.autocommit() as conn:
        name = record.submitted_run(conn, trigger, key=_idempotency_key(upload))
        run = None if name is None else get_run(conn, name)
    if run is not None:
        ensure_handed_over(context, run)
    return run


def _submit(context: Context, trigger: Trigger, upload: Upload) -> Run:
    """Submit as anybody would; the upload's id makes doing it again harmless."""
    from ogdc_shared.runs.recipes import RecipeSource
    from ogdc_shared.runs.submit import submit_recipe
    from ogdc_shared.runs.trigger_inputs import TriggerInputs

    inputs: tuple[InputFile, ...] = ()
    if trigger.recipe_path is None:
        location = recipe_location(upload.object, base_url=trigger.base_url)
        source = RecipeSource(location, recipe_bundle(upload.object, settings=context.settings))
    else:
        source = RecipeSource(location=trigger.recipe_path)
        if trigger.pass_object:
            inputs = (_input(context, trigger, upload.object),)
    return submit_recipe(
        context,
        caller=owner_of(context, trigger),
        source=source,
        overwrite=trigger.overwrite,
        idempotency_key=_idempotency_key(upload),
        trigger_inputs=TriggerInputs("upload", inputs, _variables(trigger, upload.object)),
    )


def _idempotency_key(upload: Upload) -> str:
    return f"upload:{upload.id}"


def _input(context: Context, trigger: Trigger, upload: ObjectCreated) -> InputFile:
    return InputFile(
        source=object_url(upload, settings=context.settings, base_url=trigger.base_url),
        name=_file_name(upload),
        size=upload.size,
    )


def _file_name(upload: ObjectCreated) -> str:
    from ogdc_shared.filenames import last_component

    return last_component(upload.key)


def _variables(trigger: Trigger, upload: ObjectCreated) -> tuple[tuple[str, str], ...]:
    """Return the variables for a recipe's commands; empty if the event lacks the fact."""
    facts = {
        "NAME": trigger.name,
        "BUCKET": upload.bucket,
        "KEY": upload.key,
        "FILE": _file_name(upload),
        "SIZE": upload.size,
        "ETAG": upload.etag,
        "VERSION": upload.version,
        "TIME": upload.time,
        "SOURCE": upload.source,
        "EVENT_ID": upload.event_id,
    }
    return tuple((f"TRIGGER_{name}", "" if fact is None else str(fact)) for name, fact in facts.items())


def _is_foreign(context: Context, upload: ObjectCreated) -> bool:
    """Whether it is not of our own bucket, where runs would start each other, and no directory's marker."""
    if upload.bucket == context.settings.storage.bucket:
        _log.info("ignored: %r is in the artifact store's own bucket", upload.key)
        return False
    return not upload.key.endswith("/")


def _is_wanted(trigger: Trigger, upload: ObjectCreated) -> bool:
    if trigger.kinds and upload.how is not None and upload.how not in trigger.kinds:
        return False
    if trigger.recipe_path is None and not is_recipe(upload.key):
        return False
    return matches(trigger.pattern, upload.key)
