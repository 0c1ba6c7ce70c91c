"""The table of runs: every submission and its outcome.

Each function is a step inside the caller's transaction (`Database.transaction`). States reported by events
and Argo are recorded by `db.workflow_state`.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple, TypedDict, Unpack
from uuid import UUID

from msgspec.json import encode
from psycopg import Connection, Cursor
from psycopg.rows import class_row

from ogdc_shared.db.queries import load_queries
from ogdc_shared.db.users import find_called
from ogdc_shared.errors import InvalidRequestError, UnknownRunError
from ogdc_shared.phases import Phase
from ogdc_shared.run_warnings import RunWarnings, read_warnings


class Run(NamedTuple):
    """A run as recorded."""

    id: UUID
    name: str
    recipe_id: str
    recipe_name: str
    recipe_path: str | None
    snapshot: str
    output_type: str
    overwrite: bool
    partitions: int | None
    """None: the run's task `list` has not reported yet."""
    input_files: int | None
    """None: likewise."""
    input_bytes: int | None
    """None: not known beforehand, or likewise."""
    submitted_by: str
    """The submitter's name."""
    owner_id: UUID
    """Their id."""
    submitted_at: datetime
    status: str
    """Pending, Running, Succeeded, Failed or Error."""
    message: str | None
    progress: str | None
    started_at: datetime | None
    finished_at: datetime | None
    task_counts: dict[str, int]
    """Number of tasks by Argo's node phase."""
    partition_counts: dict[str, int]
    """Number of partitions by the phase of their task; those whose task has not begun are not counted."""
    warning_count: int
    """Of those that finished tasks have left so far."""
    package: dict[str, str] | None
    """What its result was published as (see `PublishedPackage`); None: as nothing."""
    workflow_uid: str | None
    resource_version: int
    """Of the state the record shows; 0: none was applied yet."""
    handed_over_at: datetime | None
    """None: not known to be at Argo."""
    applied_at: datetime | None
    cancelled_at: datetime | None
    """When it ended because somebody stopped it; None: it did not."""
    job_removed_at: datetime | None
    """Since when it is no job any more (see `processes.jobs`); None: it is one."""
    deleted_at: datetime | None
    """When it was reported that Argo has the workflow no longer."""
    removing: str | None
    """What the sweep is removing of it (see `db.retention`); None: nothing."""
    logs_removed_at: datetime | None
    """When the logs of its tasks were removed; None: they were not."""
    tasks_removed_at: datetime | None
    """When what was known of its single tasks was removed; None: it was not."""
    refresh_requested_at: datetime | None
    """When an event last reported that there is more to know, which only Argo can say; None: there is not."""
    priority: int
    queued_at: datetime | None
    """Since when it waited for its turn; None: there was no bound."""
    released_at: datetime | None
    """When its turn came; None: it has not, or there was no bound."""
    by_upload: bool
    by_schedule: bool
    """Whether an upload has started it, which may be known only after it is recorded."""
    silent_seconds: float
    """Since a state was last applied or asked for, or the run handed over; by the database's clock."""

    @property
    def waits(self) -> bool:
        """Whether it waits for its turn."""
        is_queued = self.queued_at is not None and self.released_at is None and self.handed_over_at is None
        return is_queued and self.status == Phase.PENDING


def digest(runs: Iterable[Run]) -> str:
    """A hash of what is recorded of some runs, and of their tasks and warnings.

    Whatever is recorded of tasks and warnings sets the run's `applied_at` (`db.workflow_state`).
    """
    return sha256(encode([run._replace(silent_seconds=0.0) for run in runs])).hexdigest()[:32]


class RunPage(NamedTuple):
    """Some runs."""

    runs: list[Run]
    """Newest first."""
    next: str | None
    """Cursor for `list_runs(before=…)`; None: there are no older runs."""


class RunQuery(TypedDict, total=False):
    """Which page of which runs to list; what is missing or None does not matter."""

    recipe_id: str | None
    """Only runs of this recipe, and likewise for what follows."""
    status: str | None
    submitted_by: str | None
    """Only those of the user who is called so …"""
    issuer: str | None
    """… by this issuer."""
    name_prefix: str | None
    """Only those whose name begins so."""
    limit: int
    """How many; 50 where it is missing."""
    before: str | None
    """The cursor that came with the page before this one."""


class JobFilter(NamedTuple):
    """Which runs to list as jobs; what is None does not matter."""

    recipes: list[str] | None = None
    """Their ids."""
    statuses: list[str] | None = None
    """Those of runs that nobody has cancelled."""
    cancelled: bool = False
    """Whether those that somebody has, too; heeded with `statuses`."""
    begin: datetime | None = None
    """Submitted then, or later."""
    end: datetime | None = None
    """Submitted then, or before."""
    min_seconds: int | None = None
    """Under way for so long, from its start to its end or now."""
    max_seconds: int | None = None


def get_run(conn: Connection, name: str) -> Run:
    """Read a run.

    Raises:
        UnknownRunError: no run of that name.
    """
    run = find_run(conn, name)
    if run is None:
        raise UnknownRunError(name)
    return run


def find_run(conn: Connection, name: str) -> Run | None:
    """Read a run; None: no run of that name."""
    return _select(conn, "where_name", {"name": name}).fetchone()


def list_runs(conn: Connection, **query: Unpack[RunQuery]) -> RunPage:
    """Read a page of runs, newest first.

    Raises:
        InvalidRequestError: `before` is not a cursor from here, or several users are called so.
    """
    before, submitted_by = query.get("before"), query.get("submitted_by")
    name_prefix = query.get("name_prefix")
    time, last_id = _read_cursor(before) if before else (None, None)
    user = None if submitted_by is None else find_called(conn, submitted_by, issuer=query.get("issuer"))
    if submitted_by is not None and user is None:
        return RunPage(runs=[], next=None)
    limit = query.get("limit", 50)
    wanted = {
        "recipe_id": query.get("recipe_id"),
        "status": query.get("status"),
        "user_id": user and user.id,
        "names_like": None if name_prefix is None else _beginning(name_prefix),
        "before_time": time,
        "before_id": last_id,
        "limit": limit + 1,
    }
    # Planned anew each time: which index is best depends on the filters given.
    if name_prefix is None:
        found = _select(conn, "where_page", wanted, prepare=False).fetchall()
    else:
        named = b"WITH named AS (SELECT runs.id FROM runs " + load_queries("runs")["where_page"] + b")\n"
        found = _select(conn, "where_named", wanted, before=named, prepare=False).fetchall()
    return _page(found, limit=limit)


def list_jobs(conn: Connection, wanted: JobFilter, *, limit: int, before: str | None) -> RunPage:
    """Read a page of the runs that are jobs, newest first.

    Raises:
        InvalidRequestError: `before` is not a cursor from here.
    """
    time, last_id = _read_cursor(before) if before else (None, None)
    page = {"before_time": time, "before_id": last_id, "limit": limit + 1}
    found = _select(conn, "where_jobs", wanted._asdict() | page, prepare=False).fetchall()
    return _page(found, limit=limit)


def get_warnings(conn: Connection, run_id: UUID) -> RunWarnings:
    """Read what a run warned of."""
    found = conn.execute(load_queries("runs")["get_warnings"], {"id": run_id}).fetchone()
    return read_warnings(found[0]) if found else RunWarnings()


def get_parameters(conn: Connection, run_id: UUID) -> dict[str, Any]:
    """Read what a run was given for its recipe's parameters, by name."""
    found = conn.execute(load_queries("runs")["get_parameters"], {"id": run_id}).fetchone()
    return found[0] if found else {}


def runs_to_reconcile(conn: Connection, *, silent_for: float) -> list[str]:
    """Names of the runs to ask Argo about.

    Those that have not ended, and of which no state was applied or asked for in `silent_for` seconds; and
    those of which an event reported that there is more to know, unless it was asked for just now.
    """
    found = conn.execute(load_queries("runs")["runs_to_reconcile"], {"silent_for": silent_for})
    return [name for (name,) in found]


def expired_outputs(conn: Connection, *, kept_for: float) -> list[str]:
    """Names of the runs whose temporary output was finished `kept_for` seconds ago and is still kept."""
    found = conn.execute(load_queries("runs")["expired_outputs"], {"kept_for": kept_for})
    return [name for (name,) in found]


def record_output_removed(conn: Connection, name: str) -> bool:
    """Record that a run's temporary output is no longer kept; False: no run of that name."""
    return _changes(conn, "record_output_removed", {"name": name})


def record_job_removed(conn: Connection, name: str) -> None:
    """Record that a run is no job any more; as a run it stays."""
    conn.execute(load_queries("runs")["record_job_removed"], {"name": name})


def claim_refresh(conn: Connection, name: str, *, silent_for: float) -> bool:
    """Undertake to ask Argo about a run that `runs_to_reconcile` would name; True for one of all callers."""
    return _changes(conn, "claim_refresh", {"name": name, "silent_for": silent_for})


def _select(
    conn: Connection,
    where: str,
    parameters: dict[str, Any],
    *,
    before: bytes = b"",
    prepare: bool | None = None,
) -> Cursor[Run]:
    """Read runs; `before` is what the clause `where` needs in front of the statement."""
    queries = load_queries("runs")
    statement = before + queries["select_runs"] + b"\n" + queries[where]
    return conn.cursor(row_factory=class_row(Run)).execute(statement, parameters, prepare=prepare)


def _changes(conn: Connection, query: str, parameters: dict[str, Any]) -> bool:
    return conn.execute(load_queries("runs")[query], parameters).rowcount == 1


def _beginning(text: str) -> str:
    """Write what LIKE takes for everything that begins so."""
    return re.sub(r"([\\%_])", r"\\\1", text) + "%"


def _page(found: list[Run], *, limit: int) -> RunPage:
    """Make a page of what was found, one more than is wanted where there is another page."""
    runs = found[:limit]
    return RunPage(
        runs=runs, next=cursor_at(runs[-1].submitted_at, runs[-1].id) if len(found) > limit else None
    )


def cursor_at(submitted_at: datetime, run_id: UUID) -> str:
    """Write the place of a run in lists, after which another page begins."""
    return urlsafe_b64encode(f"{submitted_at.isoformat()} {run_id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        time, run_id = urlsafe_b64decode(cursor).decode().split(" ")
        return datetime.fromisoformat(time), UUID(run_id)
    except ValueError as exc:
        raise InvalidRequestError(
            f"{cursor!r} is no place in the list of runs; give the `next` of an earlier answer."
        ) from exc
