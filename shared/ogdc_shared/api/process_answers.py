"""The JSON responses of OGC API - Processes, with its names; unknown values are left out.

Source: OGC 18-062r2, annex A (schemas link, processSummary, process, statusInfo, jobList, exception).
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from ogdc_shared.api.answers import Answer
from ogdc_shared.api.fields import Count, Name, RecipeId, Time
from ogdc_shared.api.links import Link

Described = Annotated[
    dict[str, dict[str, Any]], Meta(description="By name, each with a `title` and a `schema`.")
]


class ConformanceResponse(Answer, rename="camel"):
    """The supported conformance classes."""

    conforms_to: list[str]


class ProcessSummary(Answer, kw_only=True, rename="camel"):
    """A recipe deployed as a process."""

    id: RecipeId
    version: Annotated[str, Meta(description="Changes whenever the content of the recipe does.")]
    title: str
    description: str | UnsetType = UNSET
    keywords: list[str] | UnsetType = UNSET
    job_control_options: list[str]
    output_transmission: list[str]
    mutable: Annotated[bool, Meta(description="Whether it can be replaced and undeployed.")]
    links: list[Link]


class ProcessDescription(ProcessSummary, kw_only=True, rename="camel"):
    """A process with its inputs and outputs."""

    inputs: Described
    outputs: Described


class ProcessList(Answer):
    """Some processes, by id."""

    processes: list[ProcessSummary]
    links: list[Link]


_JOB = {"job_id": "jobID", "process_id": "processID"}


class StatusInfo(Answer, kw_only=True, rename=_JOB):
    """A job: a run of a process's recipe."""

    job_id: Name
    process_id: RecipeId
    type: Annotated[str, Meta(extra_json_schema={"const": "process"})] = "process"
    status: Annotated[
        str,
        Meta(extra_json_schema={"enum": ["accepted", "running", "successful", "failed", "dismissed"]}),
    ]
    message: str | UnsetType = UNSET
    progress: Annotated[Count, Meta(description="In percent.")]
    created: Time
    started: Time | UnsetType = UNSET
    finished: Time | UnsetType = UNSET
    updated: Time
    links: list[Link]


class JobList(Answer):
    """Some jobs, newest first."""

    jobs: list[StatusInfo]
    links: list[Link]


class ProcessProblem(Answer):
    """Why a request failed, in the form of RFC 7807."""

    type: Annotated[
        str, Meta(description="A URI of the kind of problem; `about:blank`: no more than the status.")
    ]
    title: str
    status: int
    detail: str
