"""What requests and answers look like, for the OpenAPI document; imported for nothing else."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

RunStatus = Literal["Pending", "Running", "Succeeded", "Failed", "Error"]


class Schema(BaseModel):
    """Answers have the fields named here and no others."""

    model_config = ConfigDict(extra="forbid")


class SubmitRequest(Schema):
    """Which recipe to run."""

    recipe_path: str = Field(examples=["github://qgreenland-net:ogdc-recipes@main/recipes/seal-tags"])
    overwrite: bool = Field(default=False, description="Replace the recipe's published data.")


class SubmitResponse(Schema):
    """The run that was started."""

    message: str
    recipe_workflow_name: str
    run_id: UUID


class ValidateResponse(Schema):
    """A valid recipe; one that is not is answered with 422."""

    message: str
    recipe_id: str
    recipe_name: str
    commands: int
    advice: list[str]


class StatusResponse(Schema):
    """A run's status at `timestamp`."""

    recipe_workflow_name: str
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
    partition: int | None
    phase: str
    message: str | None
    progress: str | None = Field(description="Commands done and in all, as `2/4`.")
    exit_code: int | None
    started_at: datetime | None
    finished_at: datetime | None


class Run(Schema):
    """A run of a recipe."""

    name: str
    run_id: UUID
    recipe_id: str
    recipe_name: str
    status: RunStatus
    message: str | None
    progress: str | None
    submitted_by: str
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    deleted_at: datetime | None = Field(
        description="When its workflow went, and with it the logs and what a retry needs."
    )
    recipe_path: str | None = Field(description="null: uploaded as a bundle.")
    snapshot: str = Field(description="SHA-256 of the recipe as it was run.")
    output_type: Literal["pvc", "temporary", "dataone"]
    overwrite: bool
    partitions: int | None = Field(description="null: the run has not found and divided its inputs yet.")
    input_files: int | None = Field(description="null: likewise.")
    input_bytes: int | None = Field(description="null: likewise, or a size is known only once it is fetched.")
    task_counts: dict[str, int] = Field(description="Number of tasks by phase.")
    partition_counts: dict[str, int] = Field(
        description="Number of partitions by the phase of their task, as far as that has begun."
    )
    warning_count: int = Field(description="Of what may be wrong with the result; it changes no status.")
    links: dict[str, str]


class Upload(Schema):
    """An object that was uploaded, and what became of that."""

    bucket: str
    key: str
    size: int | None
    etag: str | None
    version: str | None
    source: str = Field(description="With `event_id`: the event that told of it first.")
    event_id: str
    received_at: datetime
    outcome: Literal["waiting", "started", "refused"]
    message: str | None = Field(description="Why it waits, or was refused.")
    run: str | None = Field(description="The run's name.")


class RunOrigin(Schema):
    """What started a run that nobody submitted."""

    name: str = Field(description="The trigger's.")
    upload: Upload


class Warning(Schema):
    """What may be wrong with a result."""

    kind: str = Field(description="A word for programs.", examples=["gdal_error", "no_data"])
    message: str
    partition: int | None = Field(description="Whose task warned; null: it is about no partition.")


class RunDetail(Run):
    """A run, up to 1,000 of its tasks, and the first 20 of its warnings."""

    tasks: list[Task]
    warnings: list[Warning]
    trigger: RunOrigin | None = Field(description="null: somebody submitted the run.")


class TriggerRequest(Schema):
    """Which uploads start which recipe."""

    name: str = Field(examples=["new-tiles"])
    bucket: str
    pattern: str = Field(default="**", description="Of keys.", examples=["incoming/**/*.tif"])
    kinds: list[Literal["put", "post", "copy", "multipart"]] = Field(
        default=[], description="How the object came to be; empty: however."
    )
    recipe_path: str | None = Field(
        default=None, description="The recipe's location; null: the uploads are recipes."
    )
    overwrite: bool = False
    pass_object: bool = Field(default=True, description="Make the object an input of the run.")
    base_url: str | None = Field(default=None, description="Where objects are read: base_url/key.")


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

    number: int = Field(description="Counting from 0.")
    files: int | None = Field(description="null: not kept.")
    bytes: int | None = Field(description="null: a size is known only once it is fetched.")
    phase: str | None = Field(description="Of its task; null: that has not begun.")
    message: str | None


class PartitionList(Schema):
    """Some of a run's partitions, in order."""

    total: int | None = Field(description="null: the run has not found and divided its inputs yet.")
    partitions: list[Partition]


class RunList(Schema):
    """A page of runs, newest first."""

    runs: list[Run]
    next: str | None = Field(description="Give it as `before` to see older runs; null: there are none.")


class SweepResponse(Schema):
    """What a sweep did: names of runs."""

    sent: list[str]
    refreshed: list[str]
    expired: list[str]
    triggered: list[str]
    left: list[str]


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
