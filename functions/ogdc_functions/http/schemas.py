"""What requests and answers look like, for the OpenAPI document; imported for nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

NAME = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
"""Of runs and triggers: a DNS label."""

RunStatus = Literal["Pending", "Running", "Succeeded", "Failed", "Error"]
Name = Annotated[str, Field(pattern=NAME)]
RecipeId = Annotated[str, Field(pattern="^[a-z0-9.-]+$", max_length=63)]
Progress = Annotated[str, Field(pattern=r"^\d+/\d+$", description="Done and in all, as `2/4`.")]
Count = Annotated[int, Field(ge=0)]
Counts = dict[str, Count]


class Schema(BaseModel):
    """Answers have the fields named here and no others."""

    model_config = ConfigDict(extra="forbid")


class SubmitRequest(Schema):
    """Which recipe to run."""

    recipe_path: str = Field(
        min_length=1, examples=["github://qgreenland-net:ogdc-recipes@main/recipes/seal-tags"]
    )
    overwrite: bool = Field(default=False, description="Replace the recipe's published data.")


class SubmitResponse(Schema):
    """The run that was started."""

    message: str
    recipe_workflow_name: Name
    run_id: UUID
    advice: list[str] = Field(
        description="What the recipe's author may not have meant; as of POST /validate."
    )


class ValidateResponse(Schema):
    """A valid recipe; one that is not is answered with 422."""

    message: str
    recipe_id: RecipeId
    recipe_name: str
    commands: Count
    advice: list[str]


class StatusResponse(Schema):
    """A run's status at `timestamp`."""

    recipe_workflow_name: Name
    status: RunStatus | None
    timestamp: datetime


class OutputResponse(Schema):
    """Where to download a run's zip; the link expires."""

    data_url: str


class VersionResponse(Schema):
    """The version of the service."""

    ogdc_runner_version: str


class Task(Schema):
    """One task of a run."""

    name: str
    template: str
    stage: str = Field(description="Which it belongs to.", examples=["process", "publish"])
    partition: Count | None
    phase: str
    message: str | None
    progress: Progress | None
    exit_code: int | None
    started_at: datetime | None
    finished_at: datetime | None


class Stage(Schema):
    """A stage of a run: tasks of one kind, each for a part of its inputs."""

    stage: str = Field(examples=["process"])
    tasks: Count = Field(description="How many have begun; once all have, its partitions.")
    counts: Counts = Field(description="Their number by phase.")


class Run(Schema):
    """A run of a recipe."""

    name: Name
    run_id: UUID
    recipe_id: RecipeId
    recipe_name: str
    status: RunStatus
    message: str | None
    progress: Progress | None
    submitted_by: str
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deleted_at: datetime | None = Field(
        description="When its workflow went, and with it the logs and what a retry needs."
    )
    recipe_path: str | None = Field(description="null: uploaded as a bundle.")
    snapshot: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the recipe as it was run.")
    output_type: Literal["pvc", "temporary", "dataone"]
    overwrite: bool
    partitions: Count | None = Field(description="null: the run has not found and divided its inputs yet.")
    input_files: Count | None = Field(description="null: likewise.")
    input_bytes: Count | None = Field(
        description="null: likewise, or a size is known only once it is fetched."
    )
    task_counts: Counts = Field(description="Number of tasks by phase.")
    partition_counts: Counts = Field(
        description="Number of partitions by the phase of their task, as far as that has begun."
    )
    warning_count: Count = Field(description="Of what may be wrong with the result; it changes no status.")
    links: dict[str, str]


class Upload(Schema):
    """An object that was uploaded, and what became of that."""

    bucket: str
    key: str
    size: Count | None
    etag: str | None
    version: str | None
    source: str = Field(description="With `event_id`: the event that told of it first.")
    event_id: str
    received_at: datetime
    outcome: Literal["waiting", "started", "refused"]
    message: str | None = Field(description="Why it waits, or was refused.")
    run: Name | None = Field(description="The run's name.")


class RunOrigin(Schema):
    """What started a run that nobody submitted."""

    name: Name = Field(description="The trigger's.")
    upload: Upload


class Warning(Schema):
    """What may be wrong with a result."""

    kind: str = Field(description="A word for programs.", examples=["gdal_error", "no_data"])
    message: str
    partition: Count | None = Field(description="Whose task warned; null: it is about no partition.")


class RunDetail(Run):
    """A run, up to 1,000 of its tasks, and the first 20 of its warnings."""

    stages: list[Stage] = Field(description="Those that have begun, in order, but for publishing.")
    tasks: list[Task]
    warnings: list[Warning]
    trigger: RunOrigin | None = Field(description="null: somebody submitted the run.")


class TriggerRequest(Schema):
    """Which uploads start which recipe."""

    name: Name = Field(examples=["new-tiles"])
    bucket: str = Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,221}$")
    pattern: str = Field(
        default="**", min_length=1, max_length=512, description="Of keys.", examples=["incoming/**/*.tif"]
    )
    kinds: list[Literal["put", "post", "copy", "multipart"]] = Field(
        default=[], description="How the object came to be; empty: however."
    )
    recipe_path: str | None = Field(
        default=None, description="The recipe's location; null: the uploads are recipes."
    )
    overwrite: bool = False
    pass_object: bool = Field(default=True, description="Make the object an input of the run.")
    base_url: str | None = Field(
        default=None,
        max_length=1024,
        pattern="^https?://",
        description="Where objects are read: base_url/key.",
    )


class Trigger(TriggerRequest):
    """A trigger."""

    owner: str = Field(description="Whose its runs are.")
    created_at: datetime


class TriggerDetail(Trigger):
    """A trigger and its newest uploads."""

    uploads: list[Upload]


class TriggerList(Schema):
    """All triggers, by name."""

    triggers: list[Trigger]


class TriggerRemoved(Schema):
    """The trigger is gone."""

    message: str


class Partition(Schema):
    """A group of input files that one task handles."""

    number: Count = Field(description="Counting from 0.")
    files: Count | None = Field(description="null: not kept.")
    bytes: Count | None = Field(description="null: a size is known only once it is fetched.")
    phase: str | None = Field(description="Of its task; null: that has not begun.")
    message: str | None


class PartitionList(Schema):
    """Some of a run's partitions, in order."""

    total: Count | None = Field(description="null: the run has not found and divided its inputs yet.")
    partitions: list[Partition]


class RunList(Schema):
    """A page of runs, newest first."""

    runs: list[Run]
    next: str | None = Field(description="Give it as `before` to see older runs; null: there are none.")


class SweepResponse(Schema):
    """What a sweep did: names of runs."""

    sent: list[Name]
    refreshed: list[Name]
    expired: list[Name]
    triggered: list[Name]
    left: list[Name]


class EventsResponse(Schema):
    """What became of each event."""

    events: list[Literal["applied", "known", "ignored"]]


class HealthResponse(Schema):
    """The process serves."""

    status: Literal["ok"]


class ReadyResponse(Schema):
    """The service can do its work."""

    status: Literal["ready"]


class Problem(Schema):
    """Why a request was not carried out."""

    detail: str
