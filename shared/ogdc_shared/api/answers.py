"""The JSON response bodies of the services.

Services set every field. Defaults are for clients: they apply when the service is an older version that does
not have the field yet.
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
    """Base class of all responses and their parts."""


class SubmitResponse(Answer):
    """The run that was started."""

    message: str
    recipe_workflow_name: Name
    run_id: RunId = ""
    advice: Annotated[
        list[str], Meta(description="Probable mistakes in the recipe, as from POST /validate.")
    ] = []
    waits: Annotated[bool, Meta(description="Whether the run is queued; see the message.")] = False


class ValidateResponse(Answer):
    """A valid recipe; an invalid one gets 422."""

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
    """The landing page."""

    service: str
    paths: list[str]
    openapi: str
    title: str = "Open Geospatial Data Cloud runner"
    links: Annotated[list[Link], Meta(description="Links for OGC API clients.")] = []


class Task(Answer, kw_only=True):
    """One task of a run."""

    name: str
    template: str
    stage: Annotated[str, Meta(description="Its stage.", examples=["process", "publish"])] = "process"
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
    tasks: Annotated[Count, Meta(description="Number of tasks that have started.")]
    counts: Annotated[dict[str, Count], Meta(description="Number of tasks by phase.")]


class Package(Answer):
    """A data package of DataONE."""

    identifier: Annotated[str, Meta(description="The identifier to cite.")]
    series: Annotated[str, Meta(description="The series identifier, which resolves to the newest version.")]
    url: Annotated[str, Meta(description="Its landing page.")]


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
    cancelled_at: Annotated[Time | None, Meta(description="When it was cancelled; null: it was not.")] = None
    deleted_at: Annotated[
        Time | None,
        Meta(description="When its workflow was removed, after which it cannot be retried."),
    ] = None
    tasks_removed_at: Annotated[
        Time | None,
        Meta(description="When the records of its tasks were removed; the counts are kept."),
    ] = None
    recipe_path: Annotated[str | None, Meta(description="null: uploaded as a bundle.")]
    snapshot: Snapshot
    output_type: OutputTypeName
    overwrite: bool
    partitions: Annotated[
        Count | None, Meta(description="null: the run has not listed and partitioned its inputs yet.")
    ] = 1
    input_files: Annotated[Count | None, Meta(description="null: not known yet.")] = None
    input_bytes: Annotated[
        Count | None, Meta(description="null: not known yet; some sizes are known only after fetching.")
    ] = None
    task_counts: Annotated[dict[str, Count], Meta(description="Number of tasks by phase.")] = {}
    partition_counts: Annotated[
        dict[str, Count],
        Meta(
            description="Number of partitions by the phase of their task, for tasks that have started; "
            "`Reused` counts partitions without a task, whose result of an earlier run was reused."
        ),
    ] = {}
    warning_count: Annotated[
        Count, Meta(description="Number of warnings about the result; they do not affect the status.")
    ] = 0
    package: Annotated[
        Package | None,
        Meta(description="The DataONE package of its result (`output: {type: dataone}`)."),
    ] = None
    priority: Annotated[int, Meta(description="Queued runs with a higher priority start first.")] = 0
    waiting_since: Annotated[
        Time | None,
        Meta(description="Since when it has been queued, for the reason in `message`; null: it is not."),
    ] = None
    links: dict[str, str] = {}


class Upload(Answer):
    """An uploaded object, and the outcome of its notification."""

    bucket: str
    key: str
    size: Count | None
    etag: str | None
    version: str | None
    source: Annotated[str, Meta(description="With `event_id`: the event that first reported it.")]
    event_id: str
    received_at: Time
    outcome: UploadOutcomeName
    message: Annotated[str | None, Meta(description="Why it is waiting, or was rejected.")]
    run: Annotated[Name | None, Meta(description="The run's name.")]


class RunOrigin(Answer):
    """The trigger that started a run."""

    name: Annotated[Name, Meta(description="The name of the trigger.")]
    upload: Annotated[Upload | None, Meta(description="null: a schedule started the run.")] = None
    scheduled_for: Annotated[Time | None, Meta(description="null: an upload started the run.")] = None


class Warning(Answer):
    """A possible problem with a result."""

    kind: Annotated[str, Meta(description="Machine-readable.", examples=["gdal_error", "no_data"])]
    message: str
    partition: Annotated[
        Count | None, Meta(description="The partition it is about; null: the run as a whole.")
    ] = None


class RunDetail(Run, kw_only=True):
    """A run, up to 1,000 of its tasks, and the first 20 of its warnings."""

    stages: Annotated[
        list[Stage], Meta(description="Stages that have started, in order, without `publish`.")
    ] = []
    tasks: list[Task]
    warnings: list[Warning] = []
    trigger: Annotated[RunOrigin | None, Meta(description="null: a user submitted the run.")] = None
    parameters: Annotated[
        dict[str, Any],
        Meta(description="The values of the recipe's parameters, by name, with credentials redacted."),
    ] = {}


class Partition(Answer):
    """A group of input files that one task processes."""

    number: Annotated[Count, Meta(description="Counted from 0.")]
    files: Annotated[Count | None, Meta(description="null: not recorded.")]
    bytes: Annotated[Count | None, Meta(description="null: some sizes are known only after fetching.")]
    phase: Annotated[
        str | None,
        Meta(description="Phase of its task; null: not started. `Reused`: no task was needed."),
    ]
    message: str | None


class PartitionList(Answer):
    """Some of a run's partitions, in order."""

    total: Annotated[
        Count | None, Meta(description="null: the run has not listed and partitioned its inputs yet.")
    ]
    partitions: list[Partition]


class FileTotals(Answer):
    """Number and total size of files."""

    files: Count
    bytes: Count


class CommandTotals(Answer):
    """Resources used by all executions of commands."""

    commands: Count
    failed: Count
    seconds: float
    cpu_seconds: float
    max_memory: Annotated[Count, Meta(description="Peak memory of the largest process, in bytes.")]


class TaskTotals(Answer):
    """Totals of what a task fetched, ran and wrote."""

    fetched: FileTotals
    ran: CommandTotals
    wrote: FileTotals


class FactsSummary(Answer):
    """Summary of what a task has done."""

    succeeded: bool
    totals: TaskTotals
    image: Annotated[str | None, Meta(description="null: no container image, as on one machine.")] = None


class Taken(Answer):
    """A result of an earlier run that was reused for a partition."""

    run: Annotated[str, Meta(description="The run that produced it.")]
    commands: Annotated[Count, Meta(description="Number of leading commands that were skipped.")]


class Facts(Answer):
    """A task, and what it has done."""

    name: Annotated[
        str, Meta(description="For a partition without a task, the name its task would have had.")
    ]
    stage: str
    partition: Count | None
    phase: Annotated[str, Meta(description="`Reused`: the partition needed no task.")]
    facts: Annotated[FactsSummary | None, Meta(description="null: nothing recorded (yet).")]
    url: Annotated[
        str | None, Meta(description="Temporary link to the full document: each file and each command.")
    ]
    reused: Annotated[Taken | None, Meta(description="null: nothing was reused for its partition.")] = None


class FactsList(Answer):
    """Facts of a run's tasks, by partition, followed by the partitions that needed no task."""

    total: Count
    tasks: list[Facts]


class OutputEntry(Answer):
    """A file of a run's result."""

    path: Annotated[str, Meta(description="Path within the result, with slashes.")]
    size: Annotated[Count, Meta(description="In bytes.")]
    type: Annotated[str, Meta(description="Media type, guessed from the name.", examples=["image/tiff"])]
    url: Annotated[str, Meta(description="Path of the download, relative to the API's base URL.")]
    thumbnail: Annotated[
        str | None, Meta(description="Path of its thumbnail (PNG); null: there is none.")
    ] = None


class OutputList(Answer):
    """Some of the files of a run's result."""

    files: list[OutputEntry]
    next: Annotated[
        str | None, Meta(description="Pass it as `after` for the next page; null: this is the last.")
    ] = None


class RunList(Answer):
    """A page of runs, newest first."""

    runs: list[Run]
    next: Annotated[
        str | None, Meta(description="Pass it as `before` for the next page; null: this is the last.")
    ] = None


class SweepResponse(Answer):
    """What a sweep did, as names of runs."""

    sent: list[Name]
    refreshed: list[Name]
    expired: list[Name]
    triggered: list[Name]
    notified: list[Name] = []
    removed: list[Name] = []
    left: list[Name] = []


class EventsResponse(Answer):
    """The outcome of each event."""

    events: list[EventOutcome]


class UploadReceipt(Answer):
    """The outcome of an upload for one trigger."""

    trigger: Name
    outcome: str
    run: str | None
    message: str | None


class UploadsResponse(Answer):
    """The outcome of each upload for each matching trigger."""

    uploads: list[UploadReceipt]


class HealthResponse(Answer):
    """The process serves."""

    status: Annotated[str, Meta(extra_json_schema={"const": "ok"})] = "ok"


class ReadyResponse(Answer):
    """The service is ready."""

    status: Annotated[str, Meta(extra_json_schema={"const": "ready"})] = "ready"


class LoggedResponse(Answer):
    """The dead letter was logged."""

    logged: bool = True


class Problem(Answer):
    """Why a request failed."""

    detail: str
