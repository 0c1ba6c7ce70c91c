"""Creating, listing and deleting triggers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from ogdc_shared import dns_label
from ogdc_shared.auth.caller import Caller
from ogdc_shared.context import Context
from ogdc_shared.db.audit import Action, record_act
from ogdc_shared.db.runs import Run
from ogdc_shared.db.submissions import publisher_of
from ogdc_shared.db.users import caller_id
from ogdc_shared.errors import AlreadyPublishedError, InvalidRequestError
from ogdc_shared.outputs.policies import policy_of
from ogdc_shared.triggers import record, schedule_record
from ogdc_shared.triggers.record import NewTrigger, Trigger, Upload
from ogdc_shared.triggers.schedule import next_time
from ogdc_shared.triggers.schedule_record import ScheduledStart, list_starts
from ogdc_shared.triggers.watching import FORMS, check_form

if TYPE_CHECKING:
    from ogdc_shared.config import Settings

KINDS = ("put", "post", "copy", "multipart")
_NAME = re.compile(dns_label.PATTERN)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,221}")
_MAX_PATTERN = 512
_MAX_URL = 1024
_FIELDS: dict[str, Any] = {
    "name": None,
    "bucket": None,
    "pattern": "**",
    "kinds": [],
    "recipe_path": None,
    "overwrite": False,
    "pass_object": True,
    "base_url": None,
    "schedule": None,
    "time_zone": "UTC",
    "watched": [],
    "queues": False,
}
_OF_UPLOADS = ("bucket", "pattern", "kinds", "pass_object", "base_url")
_OF_SCHEDULES = ("schedule", "time_zone", "watched", "queues")
_MAX_WATCHED = 100


def define_trigger(context: Context, *, caller: Caller, asked: Mapping[str, Any]) -> Trigger:
    """Record a trigger; its runs will belong to the caller.

    Args:
        context: The services.
        caller: The owner of the trigger.
        asked: The fields of `NewTrigger` from the request; at least `name` and either `bucket` or `schedule`.

    Raises:
        InvalidRequestError: a field is invalid.
        TriggerExistsError: there is already a trigger with that name.
        AlreadyPublishedError: its runs could not replace the published data of its recipe.
        InputError: its recipe cannot be read or run.
        UnavailableError: a service does not respond; nothing was recorded.
    """
    new = _checked(asked, settings=context.settings)
    if new.recipe_path is not None:
        from ogdc_shared.runs.recipes import RecipeSource, opened_recipe

        with opened_recipe(context, RecipeSource(location=new.recipe_path)) as recipe:
            if asked_for := [each.name for each in recipe.meta.parameters if each.is_required]:
                raise InvalidRequestError(
                    f"recipe_path: the recipe's parameter {asked_for[0]} is required, but "
                    "triggers set no parameters. Give it a default."
                )
            if not new.overwrite and policy_of(recipe.meta.output.type).is_exclusive:
                _check_unpublished(context, recipe.id)
    with context.database.transaction() as conn:
        trigger = record.add_trigger(conn, new, owner=caller_id(conn, caller))
        what = {"bucket": trigger.bucket} if trigger.bucket else {"schedule": trigger.schedule}
        record_act(conn, Action.ADD_TRIGGER, trigger.name, caller=caller, **what)
    return trigger


def _check_unpublished(context: Context, recipe_id: str) -> None:
    """Check that a trigger without `overwrite` can start a run of a recipe that publishes its data."""
    with context.database.autocommit() as conn:
        publisher = publisher_of(conn, recipe_id)
    if publisher is not None:
        raise AlreadyPublishedError(
            f"The data of recipe {recipe_id!r} are published already, by run {publisher!r}. All runs of this "
            "trigger would be refused; add it with `overwrite` (`--overwrite` on the command line)."
        )


def list_triggers(context: Context) -> list[Trigger]:
    """Read all triggers, by name."""
    with context.database.autocommit() as conn:
        return record.list_triggers(conn)


class ShownTrigger(NamedTuple):
    """A trigger and what became of it."""

    trigger: Trigger
    uploads: list[Upload]
    """Newest first; of one that goes by the clock none."""
    starts: list[ScheduledStart]
    """Newest first; of one that goes by uploads none."""


def show_trigger(context: Context, name: str, *, most: int) -> ShownTrigger:
    """Read a trigger and up to `most` of its newest uploads or starts.

    Raises:
        UnknownTriggerError: there is no trigger with that name.
    """
    with context.database.autocommit() as conn:
        trigger = record.get_trigger(conn, name)
        uploads = record.list_uploads(conn, trigger, limit=most)
        return ShownTrigger(trigger, uploads, list_starts(conn, trigger.id, limit=most))


def upload_of_run(context: Context, run: Run) -> Upload | None:
    """Read the upload that started a run, or None."""
    with context.database.autocommit() as conn:
        return record.upload_of_run(conn, run.id)


def start_of_run(context: Context, run: Run) -> ScheduledStart | None:
    """Read the scheduled start of a run, or None."""
    with context.database.autocommit() as conn:
        return schedule_record.start_of_run(conn, run.id)


def remove_trigger(context: Context, name: str, *, caller: Caller) -> None:
    """Delete a trigger; its runs stay.

    Raises:
        UnknownTriggerError: there is no trigger with that name.
        ForbiddenError: it belongs to another user.
    """
    with context.database.transaction() as conn:
        trigger = record.get_trigger(conn, name)
        caller.require_own(trigger.owner_id, f"Trigger {name} ({trigger.owner})")
        record.remove_trigger(conn, name)
        record_act(conn, Action.REMOVE_TRIGGER, name, caller=caller)


def _checked(asked: Mapping[str, Any], *, settings: Settings) -> NewTrigger:
    if unknown := sorted(asked.keys() - _FIELDS.keys()):
        raise InvalidRequestError(
            f"{unknown[0]!r} is not a field of a trigger; its fields are {', '.join(_FIELDS)}."
        )
    new = NewTrigger(**(_FIELDS | dict(asked)))
    _check_text("name", new.name, _NAME, "1 to 63 lower-case letters, digits and hyphens")
    for key in ("overwrite", "pass_object", "queues"):
        if not isinstance(getattr(new, key), bool):
            raise InvalidRequestError(f"{key}={getattr(new, key)!r:.100}: give true or false.")
    if not isinstance(asked.get("recipe_path"), str | None):
        raise InvalidRequestError(
            "recipe_path: give a location as a string, or null if the uploads are recipes."
        )
    if (new.bucket is None) == (new.schedule is None):
        raise InvalidRequestError(
            "Give a `bucket`, whose uploads start runs, or a `schedule`: one of the two."
        )
    unfit = _OF_SCHEDULES if new.schedule is None else _OF_UPLOADS
    if beside := [key for key in unfit if getattr(new, key) != _FIELDS[key]]:
        by = "uploads" if new.schedule is None else "the clock"
        raise InvalidRequestError(f"{beside[0]} cannot be set for a trigger by {by}.")
    if new.schedule is None:
        return _checked_uploads(new, own_bucket=settings.storage.bucket)
    return _checked_schedule(new, settings=settings)


def _checked_uploads(new: NewTrigger, *, own_bucket: str) -> NewTrigger:
    _check_text("bucket", new.bucket, _BUCKET, "a bucket's name")
    if new.bucket == own_bucket:
        raise InvalidRequestError(
            f"bucket={new.bucket!r} is the artifact store's own: runs write to it and would start each "
            "other. Use another bucket for uploads."
        )
    _check_pattern(new.pattern)
    _check_kinds(new.kinds)
    return new._replace(base_url=_checked_url(new.base_url))


def _checked_schedule(new: NewTrigger, *, settings: Settings) -> NewTrigger:
    if not isinstance(new.schedule, str) or not isinstance(new.time_zone, str):
        raise InvalidRequestError(
            "schedule, time_zone: give strings, such as 0 3 * * * and America/Anchorage."
        )
    if new.recipe_path is None:
        raise InvalidRequestError("recipe_path: give the location of the recipe to run.")
    _check_watched(new.watched, settings=settings)
    return new._replace(due_at=next_time(new.schedule, new.time_zone, after=datetime.now(UTC)))


def _check_watched(places: Any, *, settings: Settings) -> None:
    if not isinstance(places, list) or len(places) > _MAX_WATCHED:
        raise InvalidRequestError(f"watched: give a list of at most {_MAX_WATCHED} URLs.")
    for place in places:
        if not (_is_short(place) and (check_form(place, settings=settings) or _public_parts(place))):
            raise InvalidRequestError(
                f"watched: {place!r:.100} is not an http or https URL without user name, nor one of {FORMS}."
            )


def _check_text(key: str, value: Any, form: re.Pattern[str], what: str) -> None:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise InvalidRequestError(f"{key}={value!r:.100}: give {what}.")


def _check_pattern(pattern: Any) -> None:
    if not isinstance(pattern, str) or not 0 < len(pattern) <= _MAX_PATTERN or not pattern.isprintable():
        raise InvalidRequestError(
            f"pattern={pattern!r:.100}: give 1 to {_MAX_PATTERN} printable characters, such as in/**/*.tif."
        )


def _check_kinds(kinds: Any) -> None:
    if not isinstance(kinds, list) or not all(kind in KINDS for kind in kinds):
        raise InvalidRequestError(f"kinds={kinds!r:.100}: give a list of some of {', '.join(KINDS)}.")


def _checked_url(url: Any) -> str | None:
    if url is None:
        return None
    parts = _public_parts(url)
    if parts is None or parts.query or parts.fragment:
        raise InvalidRequestError(
            f"base_url={url!r:.100}: give an http or https URL without user name, query and fragment."
        )
    return parts.geturl().rstrip("/")


def _is_short(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= _MAX_URL and text.isprintable()


def _public_parts(url: Any) -> SplitResult | None:
    """Return the parts of an http or https URL without a user name; None if it is another or too long."""
    if not _is_short(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    fits = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
    return parts if fits else None
