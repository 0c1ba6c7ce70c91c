"""Submissions: runs on their way to Argo.

The row comes first, holding the manifest (an outbox); then Argo, under the run's name; then the row again. Whatever a
crash leaves between is found by `unsent_runs`, and creating a workflow twice under one name is harmless.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from ogdc_shared.db.runs import Run


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
    """Record that Argo has the workflow; False: the run was withdrawn, or its workflow has another uid."""
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


def claim_retry(conn: Connection, name: str) -> Run:
    """Check that a run may be retried, and keep its place from other runs until the transaction ends.

    Retry the workflow and record the state Argo answers with inside the same transaction.

    Raises:
        UnknownRunError: no run of that name.
        RunStateError: it has not failed, or its workflow is gone.
        AlreadyRunningError: another unfinished run publishes to the same place.
        AlreadyPublishedError: another run has published since and this one may not overwrite.
    """
    raise NotImplementedError
