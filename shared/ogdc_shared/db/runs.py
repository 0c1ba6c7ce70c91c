"""Runs: the record of every submission and of what became of it.

Each function is one step inside the caller's transaction (`Database.connection`). What Argo says is applied by
workflow uid and resource version: states may come twice, late or in any order and leave the same record.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Connection

from ogdc_shared.argo.state import WorkflowState


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
    partitions: int
    submitted_by: str
    """The submitter's name."""
    submitted_at: datetime
    status: str
    """Pending, Running, Succeeded, Failed or Error."""
    message: str | None
    progress: str | None
    started_at: datetime | None
    finished_at: datetime | None
    task_counts: dict[str, int]
    """Number of tasks by Argo's node phase."""
    workflow_uid: str | None
    resource_version: int
    """Of the state the record shows; 0: nothing has been heard from Argo."""
    handed_over_at: datetime | None
    """None: not known to be at Argo."""
    heard_at: datetime | None
    deleted_at: datetime | None
    """When it was heard that Argo has the workflow no longer."""
    silent_seconds: float
    """Since the run was last heard of, asked about, handed over or submitted; by the database's clock."""


class RunPage(NamedTuple):
    """Some runs, newest first."""

    runs: list[Run]
    next: str | None
    """Cursor for `list_runs(before=…)`; None: there are no older runs."""


def get_run(conn: Connection, name: str) -> Run:
    """Read a run.

    Raises:
        UnknownRunError: no run of that name.
    """
    raise NotImplementedError


def find_run(conn: Connection, name: str) -> Run | None:
    """Read a run; None: no run of that name."""
    raise NotImplementedError


def list_runs(
    conn: Connection,
    *,
    recipe_id: str | None = None,
    status: str | None = None,
    submitted_by: str | None = None,
    limit: int = 50,
    before: str | None = None,
) -> RunPage:
    """Read a page of runs, newest first.

    `submitted_by` is a user's name, `before` the cursor that came with the page before this one.

    Raises:
        InvalidRequestError: `before` is not a cursor from here.
    """
    raise NotImplementedError


def unheard_runs(conn: Connection, *, silent_for: float) -> list[str]:
    """Names of the unfinished runs at Argo of which nothing was heard or asked for `silent_for` seconds."""
    raise NotImplementedError


def claim_refresh(conn: Connection, name: str, *, silent_for: float) -> bool:
    """Undertake to ask Argo about a run; True for one of all callers within `silent_for` seconds."""
    raise NotImplementedError


def record_state(conn: Connection, state: WorkflowState) -> bool:
    """Apply a workflow's state if it is newer than the record.

    A state without tasks says nothing about them (Argo leaves a large workflow's out of its events).

    Returns:
        False where nothing changed: known already, older, or not the workflow of any run.
    """
    raise NotImplementedError


def record_deletion(conn: Connection, state: WorkflowState) -> bool:
    """Apply the last state of a deleted workflow. A run that had not ended becomes Error.

    Returns:
        False where nothing changed.
    """
    raise NotImplementedError


def record_absence(conn: Connection, name: str) -> bool:
    """Record that Argo has the workflow no longer: `record_deletion` without a last state at hand."""
    raise NotImplementedError
