"""Runs: the record of every submission and of what became of it.

Each function is one step inside the caller's transaction (`Database.connection`). What Argo says is applied by
workflow uid and resource version, so states may come twice, late or in any order and leave the same record.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from ogdc_shared.argo.state import WorkflowState


class NewRun(NamedTuple):
    """A submission that passed validation, before Argo has heard of it."""

    name: str
    """Also the workflow's name."""
    recipe_id: str
    recipe_name: str
    recipe_path: str | None
    """Where the recipe was read from; None: uploaded as a bundle."""
    snapshot: str
    """SHA-256 of the recipe bundle, hex."""
    output_type: str
    overwrite: bool
    partitions: int
    manifest: dict[str, Any]
    """The Workflow as it goes to Argo."""
    submitted_by: UUID
    """`User.id`."""
    idempotency_key: str | None = None
    request_digest: str | None = None
    """Digest of everything the request asked for; only compared, and only under an idempotency key."""


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


# --- submission -----------------------------------------------------------------------------------------------------


def record_submission(conn: Connection, new: NewRun) -> Run:
    """Record a run for Argo to be given, or return the run an earlier request with the same key made.

    Tell them apart by the name: it is `new.name` only where the run is new.

    Raises:
        RecipeIdTakenError: another recipe name already stands for this id.
        AlreadyRunningError: an unfinished run of the recipe publishes to the same place.
        AlreadyPublishedError: the data are published and `overwrite` was not given.
        InvalidRequestError: the idempotency key was used for a different request.
    """
    raise NotImplementedError


def find_submission(
    conn: Connection, *, submitted_by: UUID, idempotency_key: str, request_digest: str
) -> Run | None:
    """Find the run that this very request made before; None: there is none.

    Raises:
        InvalidRequestError: the key was used for a different request.
    """
    raise NotImplementedError


def record_handover(conn: Connection, name: str, *, uid: str) -> bool:
    """Record that Argo has the workflow; False: the run was withdrawn, or stands for a workflow of another uid."""
    raise NotImplementedError


def record_refusal(conn: Connection, name: str, *, message: str) -> bool:
    """End a run as Error that Argo will never take; False: Argo has it, or there is no such run."""
    raise NotImplementedError


def withdraw(conn: Connection, name: str) -> bool:
    """Forget a run Argo never got; False: Argo has it, or there is no such run."""
    raise NotImplementedError


def unsent_runs(conn: Connection, *, older_than: float) -> list[str]:
    """Names of the unfinished runs submitted more than `older_than` seconds ago that Argo may not have."""
    raise NotImplementedError


def get_manifest(conn: Connection, name: str) -> dict[str, Any]:
    """Read the Workflow as it went, or is to go, to Argo.

    Raises:
        UnknownRunError: no run of that name.
    """
    raise NotImplementedError


# --- reading --------------------------------------------------------------------------------------------------------


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

    Args:
        submitted_by: A user's name.
        before: The cursor of the page before this one.

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


# --- what Argo says -------------------------------------------------------------------------------------------------


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
    """Record that Argo does not know a workflow it was given; as `record_deletion`, with no last state at hand."""
    raise NotImplementedError


def claim_retry(conn: Connection, name: str) -> Run:
    """Check that a run may be retried and keep others from publishing to its place until the transaction ends.

    Retry the workflow and record the state Argo answers with inside the same transaction.

    Raises:
        UnknownRunError: no run of that name.
        RunStateError: it has not failed, or its workflow is gone.
        AlreadyRunningError: another unfinished run publishes to the same place.
        AlreadyPublishedError: another run has published since and this one may not overwrite.
    """
    raise NotImplementedError
