"""Runs as jobs of processes.

Source: OGC 18-062r2, sections 7.12 to 7.14 and classes job-list and dismiss.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.db.runs import JobFilter
from ogdc_shared.errors import (
    InvalidRequestError,
    JobFailedError,
    ResultNotReadyError,
    UnknownRunError,
)
from ogdc_shared.phases import RUN_STATUSES, TERMINAL_PHASES, Phase

if TYPE_CHECKING:
    from ogdc_shared.auth.caller import Caller
    from ogdc_shared.context import Context
    from ogdc_shared.db.runs import Run


_BETWEEN_LOOKS = 0.2
_STOPS_WITHIN = 5.0
"""Seconds within which nearly all tasks of a stopped run end."""
RESULT = "result"
"""The output of processes: a link to the zip, or to a list of the files."""


class JobStatus(StrEnum):
    """Where a job stands."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    DISMISSED = "dismissed"
    """Somebody stopped it."""


_STATUS = {
    Phase.PENDING: JobStatus.ACCEPTED,
    Phase.RUNNING: JobStatus.RUNNING,
    Phase.SUCCEEDED: JobStatus.SUCCESSFUL,
}


class Interval(NamedTuple):
    """An interval of time; a side that is None is open."""

    begin: datetime | None
    end: datetime | None


def status_of(run: Run) -> JobStatus:
    """Where a run stands as a job."""
    if run.cancelled_at is not None:
        return JobStatus.DISMISSED
    return _STATUS.get(Phase(run.status), JobStatus.FAILED)


def progress_of(run: Run) -> int:
    """How much of a run is done, in percent."""
    if run.status == Phase.SUCCEEDED:
        return 100
    done, _, total = (run.progress or "0/1").partition("/")
    return min(99, 100 * int(done) // max(1, int(total or 1)))


def read_interval(text: str) -> Interval:
    """Read a time, or an interval of two times of which one may be open (`..`).

    Raises:
        InvalidRequestError: the text is not valid.

    Source: RFC 3339, section 5.6; OGC 18-062r2, section 9.2.
    """
    begin, mark, end = text.partition("/")
    parts = (begin, end) if mark else (begin, begin)
    try:
        return Interval(*(_time(part, is_end=bool(at)) for at, part in enumerate(parts)))
    except ValueError as exc:
        raise InvalidRequestError(
            f"datetime={text!r:.100}: give a time such as 2026-11-27T15:00:00Z, or two with a / between."
        ) from exc


def _time(text: str, *, is_end: bool) -> datetime | None:
    if text in {"", ".."}:
        return None
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        text += "T23:59:59.999999Z" if is_end else "T00:00:00Z"
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(text)
    return time


def job_filter(
    *,
    recipes: list[str],
    statuses: list[str],
    interval: str | None,
    min_seconds: int | None,
    max_seconds: int | None,
) -> JobFilter:
    """Build a filter for jobs; an item of a list may itself be several values, separated by commas.

    Raises:
        InvalidRequestError: a status is unknown, or the interval is not valid.
    """
    wanted = _listed(statuses)
    if wrong := {*wanted} - {*JobStatus}:
        raise InvalidRequestError(f"status={min(wrong)!r:.100}: give one of {', '.join(JobStatus)}.")
    begin, end = read_interval(interval) if interval is not None else (None, None)
    of_runs = [str(phase) for phase in RUN_STATUSES if _STATUS.get(phase, JobStatus.FAILED) in wanted]
    return JobFilter(
        recipes=_listed(recipes) or None,
        statuses=of_runs if wanted else None,
        cancelled=JobStatus.DISMISSED in wanted,
        begin=begin,
        end=end,
        min_seconds=min_seconds,
        max_seconds=max_seconds,
    )


def _listed(given: list[str]) -> list[str]:
    return [part for each in given for part in each.split(",") if part]


def get_job(context: Context, name: str) -> Run:
    """Read a run that is a job.

    Raises:
        UnknownRunError: there is no job of that name.
    """
    from ogdc_shared.runs.read import reconciled_run

    run = reconciled_run(context, name)
    if run.job_removed_at is not None:
        raise UnknownRunError(name)
    return run


def wait_for_end(context: Context, name: str, *, seconds: float) -> Run:
    """Read a run once it has ended, or after so long a time."""
    from ogdc_shared.runs.read import reconciled_run

    deadline = monotonic() + seconds
    while True:
        run = reconciled_run(context, name)
        if run.status in TERMINAL_PHASES or monotonic() > deadline:
            return run
        sleep(_BETWEEN_LOOKS)


def require_result(run: Run) -> None:
    """Check that a job has a result.

    Raises:
        ResultNotReadyError: the job has not ended.
        JobFailedError: the job ended without a result.
    """
    if run.status not in TERMINAL_PHASES:
        raise ResultNotReadyError(f"Job {run.name} is {status_of(run)}; ask again when it is successful.")
    if run.status != Phase.SUCCEEDED:
        raise JobFailedError(f"Job {run.name} has {status_of(run)}: {run.message or 'no reason is known.'}")


def dismiss_job(context: Context, name: str, *, caller: Caller) -> Run:
    """Cancel a job; if it has ended, remove its results and no longer list it as a job.

    Raises:
        UnknownRunError: there is no job of that name.
        ForbiddenError: the job belongs to somebody else.
        UnavailableError: a component the service depends on is unavailable.
    """
    from ogdc_shared.db.runs import record_job_removed
    from ogdc_shared.runs import control

    run = get_job(context, name)
    if run.status not in TERMINAL_PHASES:
        control.cancel_run(context, name, caller=caller)
        return wait_for_end(context, name, seconds=_STOPS_WITHIN)
    removed = control.remove_run(context, name, caller=caller)
    with context.database.autocommit() as conn:
        record_job_removed(conn, name)
    return removed
