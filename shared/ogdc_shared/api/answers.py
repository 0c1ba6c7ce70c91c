"""What the services answer with, in JSON.

Services give every field; a default is what a field means to a command line whose service is of a version
that had it not yet.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from ogdc_shared.api.fields import (
    Count,
    Name,
    OutputTypeName,
    Progress,
    RecipeId,
    RunId,
    RunStatus,
    Snapshot,
    Time,
    UploadOutcomeName,
)
from ogdc_shared.api.links import Link
from ogdc_shared.outcomes import EventOutcome


class Answer(Struct):
    """What all answers, and their parts, are."""


class SubmitResponse(Answer):
    """The run that was started."""

    message: str
    recipe_workflow_name: Name
    run_id: RunId = ""
    advice: Annotated[
        list[str], Meta(description="What the recipe's author may not have meant; as of POST /validate.")
    ] = []
    waits: Annotated[bool, Meta(description="Whether there is no room for it yet; see the message.")] = False


class ValidateResponse(Answer):
    """A valid recipe; one that is not is answered with 422."""

    message: str
    recipe_id: RecipeId
    recipe_name: str
    commands: Count
    advice: list[str]


class StatusResponse(Answer):
    """A run's status at `timestamp`."""

    recipe_workflow_name: Name
    status: RunStatus | None
    timestamp: Time


class OutputResponse(Answer):
    """Where to download a run's zip; the link expires."""

    data_url: str


class VersionResponse(Answer):
    """The version of the service."""

    ogdc_runner_version: str


class IndexResponse(Answer):
    """What can be read here."""

    service: str
    paths: list[str]
    openapi: str
    title: str = "Open Geospatial Data Cloud runner"
    links: Annotated[list[Link], Meta(description="As programs that speak OGC APIs follow them.")] = []


class Task(Answer, kw_only=True):
    """One task of a run."""

    name: str
    template: str
    stage: Annotated[str, Meta(description="Which it belongs to.", examples=["process", "publish"])] = (
        "process"
    )
    partition: Count | None
    phase: str
    message: str | None
    progress: Progress | None
    exit_code: int | None
    started_at: Time | None
    finished_at: Time | None


class Stage(Answer):
    """A stage of a run: tasks of one kind, each for a part of its inputs."""

    stage: Annotated[str, Meta(examples=["process"])]
    tasks: Annotated[Count, Meta(description="How many have begun; once all have, its partitions.")]
    counts: Annotated[dict[str, Count], Meta(description="Their number by phase.")]


class Package(Answer):
    """A data package of DataONE."""

    identifier: Annotated[str, Meta(description="By which it is cited.")]
    series: Annotated[str, Meta(description="Names its newest version.")]
    url: Annotated[str, Meta(description="Of its page.")]


class Run(Answer, kw_only=True):
    """A run of a recipe."""

    name: Name
    run_id: RunId
    recipe_id: RecipeId
    recipe_name: str
    status: RunStatus
    message: str | None
    progress: Progress | None
    submitted_by: str
    submitted_at: Time
    started_at: Time | None
    finished_at: Time | None
    cancelled_at: Annotated[
        Time | None, Meta(description="When it ended because somebody stopped it; null: it did not.")
    ] = None
    deleted_at: Annotated[
        Time | None,
        Meta(description="When its workflow went, and with it what a retry needs."),
    ] = None
    tasks_removed_at: Annotated[
        Time | None,
        Meta(description="When what was known of its single tasks was removed; its counts are kept."),
    ] = None
    recipe_path: Annotated[str | None, Meta(description="null: uploaded as a bundle.")]
    snapshot: Snapshot
    output_type: OutputTypeName
    overwrite: bool
    partitions: Annotated[
        Count | None, Meta(description="null: the run has not found and divided its inputs yet.")
    ] = 1
    input_files: Annotated[Count | None, Meta(description="null: likewise.")] = None
    input_bytes: Annotated[
        Count | None, Meta(description="null: likewise, or a size is known only once it is fetched.")
    ] = None
    task_counts: Annotated[dict[str, Count], Meta(description="Number of tasks by phase.")] = {}
    partition_counts: Annotated[
        dict[str, Count],
        Meta(
            description="Number of partitions by the phase of their task, as far as that has begun; "
            "`Reused`: those that need none, since the result of an earlier run was taken."
        ),
    ] = {}
    warning_count: Annotated[
        Count, Meta(description="Of what may be wrong with the result; it changes no status.")
    ] = 0
    package: Annotated[
        Package | None,
        Meta(description="What its result was published as at DataONE (`output: {type: dataone}`)."),
    ] = None
    priority: Annotated[int, Meta(description="Where runs take turns, those of a higher one go first.")] = 0
    waiting_since: Annotated[
        Time | None,
        Meta(description="Since when it waits for its turn, for what says `message`; null: it does not."),
    ] = None
    links: dict[str, str] = {}


class Upload(Answer):
    """An object that was uploaded, and what became of that."""

    bucket: str
    key: str
    size: Count | None
    etag: str | None
    version: str | None
    source: Annotated[str, Meta(description="With `event_id`: the event that reported it first.")]
    event_id: str
    received_at: Time
    outcome: UploadOutcomeName
    message: Annotated[str | None, Meta(description="Why it waits, or was refused.")]
    run: Annotated[Name | None, Meta(description="The run's name.")]


class RunOrigin(Answer):
    """What started a run that nobody submitted."""

    name: Annotated[Name, Meta(description="The trigger's.")]
    upload: Annotated[Upload | None, Meta(description="null: the clock has.")] = None
    scheduled_for: Annotated[Time | None, Meta(description="null: an upload has.")] = None


class Warning(Answer):
    """What may be wrong with a result."""

    kind: Annotated[str, Meta(description="A word for programs.", examples=["gdal_error", "no_data"])]
    message: str
    partition: Annotated[
        Count | None, Meta(description="Whose task warned; null: it is about no partition.")
    ] = None


class RunDetail(Run, kw_only=True):
    """A run, up to 1,000 of its tasks, and the first 20 of its warnings."""

    stages: Annotated[
        list[Stage], Meta(description="Those that have begun, in order, but for publishing.")
    ] = []
    tasks: list[Task]
    warnings: list[Warning] = []
    trigger: Annotated[RunOrigin | None, Meta(description="null: somebody submitted the run.")] = None
    parameters: Annotated[
        dict[str, Any],
        Meta(description="What its recipe's parameters were, by name, without what gives access to data."),
    ] = {}


class Partition(Answer):
    """A group of input files that one task handles."""

    number: Annotated[Count, Meta(description="Counting from 0.")]
    files: Annotated[Count | None, Meta(description="null: not kept.")]
    bytes: Annotated[Count | None, Meta(description="null: a size is known only once it is fetched.")]
    phase: Annotated[
        str | None, Meta(description="Of its task; null: that has not begun. `Reused`: it needs none.")
    ]
    message: str | None


class PartitionList(Answer):
    """Some of a run's partitions, in order."""

    total: Annotated[
        Count | None, Meta(description="null: the run has not found and divided its inputs yet.")
    ]
    partitions: list[Partition]


class FileTotals(Answer):
    """How many files, and their bytes."""

    files: Count
    bytes: Count


class CommandTotals(Answer):
    """What commands took, each time one ran."""

    commands: Count
    failed: Count
    seconds: float
    cpu_seconds: float
    max_memory: Annotated[Count, Meta(description="Bytes of the largest process.")]


class TaskTotals(Answer):
    """How much a task fetched, ran and wrote."""

    fetched: FileTotals
    ran: CommandTotals
    wrote: FileTotals


class FactsSummary(Answer):
    """What a task has done, in numbers."""

    succeeded: bool
    totals: TaskTotals
    image: Annotated[str | None, Meta(description="null: it ran in none, as on one machine.")] = None


class Taken(Answer):
    """What was taken of an earlier run for a partition."""

    run: Annotated[str, Meta(description="The run that made it.")]
    commands: Annotated[Count, Meta(description="Of how many of the first commands it is the result.")]


class Facts(Answer):
    """A task, and what it has done."""

    name: Annotated[
        str, Meta(description="Of a partition that needs no task, what its task would be called.")
    ]
    stage: str
    partition: Count | None
    phase: Annotated[str, Meta(description="`Reused`: its partition needs no task.")]
    facts: Annotated[FactsSummary | None, Meta(description="null: it has left nothing (yet).")]
    url: Annotated[
        str | None, Meta(description="Hands out all of it for a while: each file and each command.")
    ]
    reused: Annotated[Taken | None, Meta(description="null: nothing was taken for its partition.")] = None


class FactsList(Answer):
    """Some of a run's tasks and what they have done, by partition; then the partitions that need none."""

    total: Count
    tasks: list[Facts]


class OutputEntry(Answer):
    """A file of a run's result."""

    path: Annotated[str, Meta(description="Below the result, with slashes.")]
    size: Annotated[Count, Meta(description="Bytes.")]
    type: Annotated[str, Meta(description="Media type, by its name.", examples=["image/tiff"])]
    url: Annotated[str, Meta(description="Path that hands it out, below the API's base URL.")]
    thumbnail: Annotated[
        str | None, Meta(description="Path of a small picture of it (PNG); null: there is none.")
    ] = None


class OutputList(Answer):
    """Some of the files of a run's result."""

    files: list[OutputEntry]
    next: Annotated[
        str | None, Meta(description="Give it as `after` to see more; null: there are no more.")
    ] = None


class RunList(Answer):
    """A page of runs, newest first."""

    runs: list[Run]
    next: Annotated[
        str | None, Meta(description="Give it as `before` to see older runs; null: there are none.")
    ] = None


class SweepResponse(Answer):
    """What a sweep did: names of runs."""

    sent: list[Name]
    refreshed: list[Name]
    expired: list[Name]
    triggered: list[Name]
    notified: list[Name] = []
    removed: list[Name] = []
    left: list[Name] = []


class EventsResponse(Answer):
    """What became of each event."""

    events: list[EventOutcome]


class UploadReceipt(Answer):
    """What became of an upload for one trigger."""

    trigger: Name
    outcome: str
    run: str | None
    message: str | None


class UploadsResponse(Answer):
    """What became of each upload for each trigger that it is meant for."""

    uploads: list[UploadReceipt]


class HealthResponse(Answer):
    """The process serves."""

    status: Annotated[str, Meta(extra_json_schema={"const": "ok"})] = "ok"


class ReadyResponse(Answer):
    """The service can do its work."""

    status: Annotated[str, Meta(extra_json_schema={"const": "ready"})] = "ready"


class LoggedResponse(Answer):
    """A dead letter is in the log."""

    logged: bool = True


class Problem(Answer):
    """Why a request was not carried out."""

    detail: str
