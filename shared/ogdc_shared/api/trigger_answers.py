"""The JSON responses about triggers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from ogdc_shared.api.answers import Answer, Upload
from ogdc_shared.api.fields import (
    BaseUrl,
    KeyPattern,
    Name,
    PassObject,
    Queues,
    Schedule,
    StartOutcomeName,
    Time,
    TimeZone,
    TriggerBucket,
    TriggerRecipe,
    UploadKinds,
    Watched,
)


class Trigger(Answer):
    """A trigger."""

    name: Name
    owner: Annotated[str, Meta(description="Owner of the runs it starts.")]
    bucket: TriggerBucket
    pattern: KeyPattern
    kinds: UploadKinds
    recipe_path: TriggerRecipe
    overwrite: bool
    pass_object: PassObject
    base_url: BaseUrl
    created_at: Time
    schedule: Schedule = None
    time_zone: TimeZone = "UTC"
    watched: Watched = field(default_factory=list)
    queues: Queues = False
    next_start_at: Annotated[Time | None, Meta(description="null: uploads start its runs.")] = None


class ScheduledStart(Answer):
    """The outcome of a scheduled start."""

    scheduled_for: Time
    outcome: StartOutcomeName
    message: Annotated[str | None, Meta(description="Why it is waiting, was skipped, or rejected.")]
    run: Annotated[Name | None, Meta(description="The run's name.")]


class TriggerDetail(Trigger, kw_only=True):
    """A trigger and its latest uploads or starts."""

    uploads: list[Upload]
    starts: list[ScheduledStart] = field(default_factory=list)


class TriggerList(Answer):
    """All triggers, by name."""

    triggers: list[Trigger]


class TriggerRemoved(Answer):
    """The trigger was deleted."""

    message: str
