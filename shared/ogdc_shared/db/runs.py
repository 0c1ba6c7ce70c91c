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

_MAX_RECIPES = 100
"""Whose newest runs are read to list runs by the beginning of their names."""


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
    """None until the run's task `list` has reported it."""
    input_files: int | None
    """None until the run's task `list` has reported it."""
    input_bytes: int | None
    """None if unknown beforehand, or not reported yet."""
    submitted_by: str
    """Name of the user."""
    owner_id: UUID
    """Id of the user."""
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
    """Number of partitions by the phase of their task; those without a task yet are not counted."""
    warning_count: int
    """Warnings of the tasks that have finished so far."""
    package: dict[str, str] | None
    """The package that its result was published as (see `PublishedPackage`), or None."""
    workflow_uid: str | None
    resource_version: int
    """Version of the last applied state; 0 if there is none."""
    handed_over_at: datetime | None
    """None if Argo is not known to have the workflow."""
    applied_at: datetime | None
    cancelled_at: datetime | None
    """When it ended because a user stopped it, or None."""
    job_removed_at: datetime | None
    """When it was dismissed as a job (see `processes.jobs`), or None."""
    deleted_at: datetime | None
    """When Argo was reported to have deleted the workflow, or None."""
    removing: str | None
    """What the sweep is removing of it (see `db.retention`), or None."""
    output_removed_at: datetime | None
    """When its zip expired, or a user removed all its artifacts; None if neither has happened."""
    logs_removed_at: datetime | None
    """When the logs of its tasks were removed, or None."""
    tasks_removed_at: datetime | None
    """When the records of its tasks were removed, or None."""
    refresh_requested_at: datetime | None
    """When an event last reported a change that has to be read from Argo, or None."""
    priority: int
    queued_at: datetime | None
    """When it was queued, or None if there were no limits."""
    released_at: datetime | None
    """When it was released from the queue, or None."""
    by_upload: bool
    by_schedule: bool
    """Whether a trigger started it on an upload or schedule; may be recorded only after the run itself."""
    silent_seconds: float
    """Seconds since the last state was applied or requested, or since the handover; by the database's
    clock."""

    @property
    def waits(self) -> bool:
        """Whether it is queued."""
        is_queued = self.queued_at is not None and self.released_at is None and self.handed_over_at is None
        return is_queued and self.status == Phase.PENDING


def digest(runs: Iterable[Run]) -> str:
    """Return a hash of the records of some runs, their tasks and their warnings.

    Tasks and warnings need no reading, since any change of them sets the run's `applied_at`
    (`db.workflow_state`).
    """
    return sha256(encode([run._replace(silent_seconds=0.0) for run in runs])).hexdigest()[:32]


class RunPage(NamedTuple):
    """A page of runs."""

    runs: list[Run]
    """Newest first."""
    next: str | None
    """Cursor for `list_runs(before=…)`, or None if there are no older runs."""


class RunQuery(TypedDict, total=False):
    """Filters and page of a list of runs; missing or None means no restriction."""

    recipe_id: str | None
    """Only runs of this recipe; the following filters work the same way."""
    status: str | None
    submitted_by: str | None
    """Only runs of the user with this name or subject …"""
    issuer: str | None
    """… at this issuer."""
    name_prefix: str | None
    """Only runs with a name that starts like this."""
    limit: int
    """Maximum number of runs; 50 if missing."""
    before: str | None
    """Cursor from the previous page."""


class JobFilter(NamedTuple):
    """Filters of a list of jobs; None means no restriction."""

    recipes: list[str] | None = None
    """Ids of recipes."""
    statuses: list[str] | None = None
    """Statuses of runs that were not cancelled."""
    cancelled: bool = False
    """Whether to include cancelled runs, too; only used with `statuses`."""
    begin: datetime | None = None
    """Earliest time of submission."""
    end: datetime | None = None
    """Latest time of submission."""
    min_seconds: int | None = None
    """Minimum duration, from start to end or now."""
    max_seconds: int | None = None
    """Maximum duration."""


def get_run(conn: Connection, name: str) -> Run:
    """Read a run.

    Raises:
        UnknownRunError: there is no run with that name.
    """
    run = find_run(conn, name)
    if run is None:
        raise UnknownRunError(name)
    return run


def find_run(conn: Connection, name: str) -> Run | None:
    """Read a run; None if there is no run with that name."""
    return _select(conn, "where_name", {"name": name}).fetchone()


def list_runs(conn: Connection, **query: Unpack[RunQuery]) -> RunPage:
    """Read a page of runs, newest first.

    Raises:
        InvalidRequestError: `before` is not a valid cursor, or several users have that name.
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
    # Not prepared, because the best index depends on the filters.
    if name_prefix is None:
        found = _select(conn, "where_page", wanted, prepare=False).fetchall()
    else:
        found = _list_named(conn, name_prefix, wanted)
    return _page(found, limit=limit)


def _list_named(conn: Connection, prefix: str, wanted: dict[str, Any]) -> list[Run]:
    """Read runs with names that begin so: the newest of each recipe, unless only few of a recipe's are."""
    queries = load_queries("runs")
    stem, hyphen, rest = prefix.rpartition("-")
    wanted |= {"stem": f"{stem}-" if hyphen and rest else None, "most": _MAX_RECIPES}
    recipes = conn.execute(queries["recipes_named"], wanted, prepare=False).fetchall()
    has_stem = any(is_stem for _, is_stem in recipes)
    if 0 < len(recipes) <= _MAX_RECIPES and not (has_stem and len(rest) > 1):
        wanted |= {"recipes": [recipe for recipe, _ in recipes]}
        name = queries["some_names"] if has_stem else b""
        page = queries["where_page"].replace(b"%(names_like)s", b"NULL")
        named = queries["newest_of_recipes"].replace(b"<some_names>", name).replace(b"<where_page>", page)
    else:
        named = b"SELECT runs.id FROM runs " + queries["where_page"]
    before = b"WITH named AS (" + named + b")\n"
    return _select(conn, "where_named", wanted, before=before, prepare=False).fetchall()


def list_jobs(conn: Connection, wanted: JobFilter, *, limit: int, before: str | None) -> RunPage:
    """Read a page of the runs that are jobs, newest first.

    Raises:
        InvalidRequestError: `before` is not a valid cursor.
    """
    time, last_id = _read_cursor(before) if before else (None, None)
    page = {"before_time": time, "before_id": last_id, "limit": limit + 1}
    found = _select(conn, "where_jobs", wanted._asdict() | page, prepare=False).fetchall()
    return _page(found, limit=limit)


def get_warnings(conn: Connection, run_id: UUID) -> RunWarnings:
    """Read the warnings of a run."""
    found = conn.execute(load_queries("runs")["get_warnings"], {"id": run_id}).fetchone()
    return read_warnings(found[0]) if found else RunWarnings()


def get_parameters(conn: Connection, run_id: UUID) -> dict[str, Any]:
    """Read the values of a run's recipe parameters, by name."""
    found = conn.execute(load_queries("runs")["get_parameters"], {"id": run_id}).fetchone()
    return found[0] if found else {}


def runs_to_reconcile(conn: Connection, *, silent_for: float) -> list[str]:
    """Return the names of the runs to read from Argo.

    These are unfinished runs of which no state was applied or requested for `silent_for` seconds, and runs
    with a requested refresh, unless one was claimed just now.
    """
    found = conn.execute(load_queries("runs")["runs_to_reconcile"], {"silent_for": silent_for})
    return [name for (name,) in found]


def expired_outputs(conn: Connection, *, kept_for: float) -> list[str]:
    """Return the runs with a stored temporary output that was finished more than `kept_for` seconds ago."""
    found = conn.execute(load_queries("runs")["expired_outputs"], {"kept_for": kept_for})
    return [name for (name,) in found]


def record_output_removed(conn: Connection, name: str) -> bool:
    """Record that a run's temporary output was removed; False if there is no run with that name."""
    return _changes(conn, "record_output_removed", {"name": name})


def record_job_removed(conn: Connection, name: str) -> None:
    """Record that a run was dismissed as a job; the run itself stays."""
    conn.execute(load_queries("runs")["record_job_removed"], {"name": name})


def claim_refresh(conn: Connection, name: str, *, silent_for: float) -> bool:
    """Claim reading a run that `runs_to_reconcile` would name from Argo; True for exactly one caller."""
    return _changes(conn, "claim_refresh", {"name": name, "silent_for": silent_for})


def _select(
    conn: Connection,
    where: str,
    parameters: dict[str, Any],
    *,
    before: bytes = b"",
    prepare: bool | None = None,
) -> Cursor[Run]:
    """Read runs; `before` precedes the statement, for clauses that need a WITH."""
    queries = load_queries("runs")
    statement = before + queries["select_runs"] + b"\n" + queries[where]
    return conn.cursor(row_factory=class_row(Run)).execute(statement, parameters, prepare=prepare)


def _changes(conn: Connection, query: str, parameters: dict[str, Any]) -> bool:
    return conn.execute(load_queries("runs")[query], parameters).rowcount == 1


def _beginning(text: str) -> str:
    """Return the LIKE pattern for texts that start with `text`."""
    return re.sub(r"([\\%_])", r"\\\1", text) + "%"


def _page(found: list[Run], *, limit: int) -> RunPage:
    """Return the page for `limit` + 1 requested rows; the additional row shows that there is a next page."""
    runs = found[:limit]
    return RunPage(
        runs=runs, next=cursor_at(runs[-1].submitted_at, runs[-1].id) if len(found) > limit else None
    )


def cursor_at(submitted_at: datetime, run_id: UUID) -> str:
    """Return the cursor for the page after a run."""
    return urlsafe_b64encode(f"{submitted_at.isoformat()} {run_id}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        time, run_id = urlsafe_b64decode(cursor).decode().split(" ")
        return datetime.fromisoformat(time), UUID(run_id)
    except ValueError as exc:
        raise InvalidRequestError(
            f"{cursor!r} is not a position in the list of runs; give `next` of an earlier response."
        ) from exc
