"""Response bodies of processes and jobs, with absolute links.

Source: OGC 18-062r2; relation types of OGC at http://www.opengis.net/def/rel/ogc/1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from msgspec import UNSET
from msgspec.structs import asdict

from ogdc_functions.http.callers import public_url
from ogdc_shared.api.links import Link
from ogdc_shared.api.process_answers import ProcessDescription, ProcessSummary, StatusInfo
from ogdc_shared.phases import Phase
from ogdc_shared.processes.jobs import RESULT, JobStatus, progress_of, status_of

if TYPE_CHECKING:
    from flask import Request

    from ogdc_shared.config import Settings
    from ogdc_shared.db.runs import Run
    from ogdc_shared.processes.record import Process

_REL = "http://www.opengis.net/def/rel/ogc/1.0"
JSON = "application/json"
_OPENAPI = "application/vnd.oai.openapi+json;version=3.1"


def base_url(request: Request, settings: Settings) -> str:
    """Base URL of the API as this caller sees it, without a trailing slash."""
    url = public_url(request, settings)
    below = "/api" if request.path.startswith("/api/") and not settings.access.public_url else ""
    return f"{url}{below}"


def landing_links(request: Request, settings: Settings) -> list[Link]:
    """The links of the landing page."""
    base = base_url(request, settings)
    return [
        Link(href=f"{base}/", rel="self", type=JSON, title="This document"),
        Link(href=f"{base}/openapi.json", rel="service-desc", type=_OPENAPI, title="This API"),
        Link(href=f"{base}/conformance", rel=f"{_REL}/conformance", type=JSON, title="What it conforms to"),
        Link(href=f"{base}/processes", rel=f"{_REL}/processes", type=JSON, title="Processes"),
        Link(href=f"{base}/jobs", rel=f"{_REL}/job-list", type=JSON, title="Jobs"),
    ]


def page_links(request: Request, settings: Settings, **following: str | None) -> list[Link]:
    """The links of a page: to itself, and to the next one with the parameters `following`, if any is set."""
    path = f"{base_url(request, settings)}{request.path.removeprefix('/api')}"
    query = urlencode([*request.args.items(multi=True)])
    links = [Link(href=f"{path}?{query}".rstrip("?"), rel="self", type=JSON)]
    if any(following.values()):
        others = [pair for pair in request.args.items(multi=True) if pair[0] not in following]
        query = urlencode([*others, *((key, value) for key, value in following.items() if value)])
        links.append(Link(href=f"{path}?{query}", rel="next", type=JSON))
    return links


def summary_view(process: Process, base: str) -> ProcessSummary:
    """Return a process without its inputs and outputs."""
    about = process.description
    own = f"{base}/processes/{process.id}"
    return ProcessSummary(
        id=process.id,
        version=process.version,
        title=about["title"],
        description=about.get("description", UNSET),
        keywords=about.get("keywords", UNSET),
        job_control_options=about["jobControlOptions"],
        output_transmission=about["outputTransmission"],
        mutable=process.owner_id is not None,
        links=[
            Link(href=own, rel="self", type=JSON, title="Its inputs and outputs"),
            Link(href=f"{own}/execution", rel=f"{_REL}/execute", type=JSON, title="Execute it"),
        ],
    )


def description_view(process: Process, base: str) -> ProcessDescription:
    """Return a process with its inputs and outputs."""
    return ProcessDescription(
        **asdict(summary_view(process, base)),
        inputs=process.description["inputs"],
        outputs=process.description["outputs"],
    )


def job_view(run: Run, base: str) -> StatusInfo:
    """Return a run as a job."""
    own = f"{base}/jobs/{run.name}"
    links = [
        Link(href=own, rel="self", type=JSON, title="This job"),
        Link(href=own, rel="monitor", type=JSON, title="Its status"),
        Link(href=f"{base}/runs/{run.name}", rel="related", type=JSON, title="Its run"),
    ]
    if run.status == Phase.SUCCEEDED:
        links.append(Link(href=f"{own}/results", rel=f"{_REL}/results", type=JSON, title="Its results"))
    return StatusInfo(
        job_id=run.name,
        process_id=run.recipe_id,
        status=status_of(run),
        message=_known(run.message),
        progress=progress_of(run),
        created=run.submitted_at,
        started=_known(run.started_at),
        finished=_known(run.finished_at),
        updated=run.applied_at or run.submitted_at,
        links=links,
    )


def dismissed_view(run: Run, base: str) -> StatusInfo:
    """Return a job that was just dismissed, whatever its run's status."""
    view = job_view(run, base)
    view.status = JobStatus.DISMISSED
    return view


def results_view(run: Run, base: str, link: str | None) -> Mapping[str, Any]:
    """Return a job's results: a link to its zip, or to the list of its files."""
    if link is not None:
        return {RESULT: {"href": link, "type": "application/zip"}}
    return {RESULT: {"href": f"{base}/runs/{run.name}/outputs", "type": JSON}}


def _known(value: Any) -> Any:
    return UNSET if value is None else value
