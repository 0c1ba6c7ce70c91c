"""Submissions: runs on their way to Argo.

First the row is inserted, with the manifest (an outbox). Then the workflow is created in Argo under the run's
name, then the row is updated. `unsent_runs` finds runs that a crash left in between. Creating a workflow
twice under one name is harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Json, Jsonb

from ogdc_shared.db.queries import load_queries
from ogdc_shared.db.runs import Run, find_run, get_run
from ogdc_shared.errors import (
    AlreadyPublishedError,
    AlreadyRunningError,
    InvalidRequestError,
    RecipeIdTakenError,
    RunStateError,
    UnknownRunError,
)
from ogdc_shared.layout import REUSE_TASK
from ogdc_shared.outputs.policies import EXCLUSIVE, policy_of
from ogdc_shared.phases import FAILED_PHASES, Phase
from ogdc_shared.plan import REUSE_LABEL

_EXCLUSIVE = [str(kind) for kind in EXCLUSIVE]
_NO_ACT: Mapping[str, Any] = {"action": None, "token": None, "details": None}


class NewRun(NamedTuple):
    """A validated submission that Argo does not have yet."""

    name: str
    """Name of the run and of the workflow."""
    recipe_id: str
    recipe_name: str
    recipe_path: str | None
    """Location that the recipe was read from, or None if it was uploaded as a bundle."""
    snapshot: str
    """SHA-256 of the recipe bundle, in hex."""
    output_type: str
    overwrite: bool
    partitions: int | None
    """None if the run lists its inputs itself."""
    manifest: dict[str, Any]
    """The Workflow as sent to Argo."""
    submitted_by: UUID
    """`User.id`."""
    idempotency_key: str | None = None
    request_digest: str | None = None
    """Digest of the request, to recognize its repetition under the same idempotency key."""
    input_files: int | None = None
    input_bytes: int | None = None
    """None if unknown beforehand."""
    parameters: dict[str, Any] | None = None
    """Public values of the recipe's parameters, by name."""
    priority: int = 0
    """Runs with a higher priority go first."""
    parallelism: int | None = None
    """Maximum number of concurrent tasks; None means one."""
    queued: bool = False
    """Whether it has to wait until `db.queue.release` releases it."""


class EarlierRun(NamedTuple):
    """An earlier run with results that another run may reuse."""

    name: str
    succeeded: bool


def earlier_runs(conn: Connection, *, submitted_by: UUID, recipe_id: str, label: str) -> list[EarlierRun]:
    """Read the newest runs of a user and recipe with this `REUSE_LABEL`."""
    wanted = {"submitted_by": submitted_by, "recipe_id": recipe_id, "label": label, "key": REUSE_LABEL}
    cursor = conn.cursor(row_factory=class_row(EarlierRun))
    return cursor.execute(load_queries("submissions")["earlier_runs"], wanted).fetchall()


def record_submission(conn: Connection, new: NewRun, *, act: Mapping[str, Any] = _NO_ACT) -> Run:
    """Insert a run, or return the run that an earlier request with the same idempotency key made.

    The run is new if its name is `new.name`.

    Args:
        conn: The connection, in a transaction.
        new: The run to insert.
        act: Its entry of the audit log (`audit.new_act`); by default there is none.

    Raises:
        RecipeIdTakenError: the id belongs to a recipe with another name.
        AlreadyRunningError: an unfinished run of the recipe publishes to the same place.
        AlreadyPublishedError: there are published data and `overwrite` was not given.
        InvalidRequestError: the idempotency key was used for a different request.
    """
    _claim_recipe(conn, new.recipe_id, name=new.recipe_name)
    run = _earlier_run(conn, new)
    while run is None:
        # A submission of another recipe may have used the key meanwhile; then that is the earlier run.
        run = _insert(conn, new, act) or _earlier_run(conn, new)
    return run


class _Inserted(NamedTuple):
    """What `insert_run` returns."""

    running: str | None
    """The unfinished run that has the place, or None."""
    published: str | None
    """The run that has published there, or None."""
    id: UUID | None
    """None if nothing was inserted; so are the next."""
    submitted_at: datetime
    queued_at: datetime | None
    submitted_by: str
    """Name of the user."""


def _insert(conn: Connection, new: NewRun, act: Mapping[str, Any]) -> Run | None:
    """Insert a run; None if its idempotency key is in use.

    Raises:
        AlreadyRunningError, AlreadyPublishedError: see `require_place`.
    """
    given: dict[str, Any] = {
        "manifest": Jsonb(new.manifest, msgspec.json.encode),
        "parameters": Json(new.parameters) if new.parameters else None,
        "reused_from": None if _may_take(new.manifest) else [],
        "but": None,
        "exclusive": _EXCLUSIVE if policy_of(new.output_type).is_exclusive else [],
    }
    cursor = conn.cursor(row_factory=class_row(_Inserted))
    found = cursor.execute(_insert_run(), {**new._asdict(), **given, **act}).fetchone()
    assert found is not None
    _check_place(new.recipe_id, found.running, found.published, overwrite=new.overwrite)
    return None if found.id is None else _as_recorded(new, found)


@cache
def _insert_run() -> bytes:
    queries = load_queries("submissions")
    return queries["insert_run"].replace(b"<find_place_holders>", queries["find_place_holders"])


def _as_recorded(new: NewRun, found: _Inserted) -> Run:
    """Return a run as `find_run` would read it just after its insertion, which takes longer."""
    fields: dict[str, Any] = dict.fromkeys(Run._fields)
    fields |= {
        "status": str(Phase.PENDING),
        "task_counts": {},
        "partition_counts": {},
        "warning_count": 0,
        "resource_version": 0,
        "by_upload": False,
        "by_schedule": False,
        "silent_seconds": 0.0,
        "owner_id": new.submitted_by,
    }
    fields |= {name: value for name, value in new._asdict().items() if name in fields}
    fields |= {name: value for name, value in found._asdict().items() if name in fields}
    return Run(**fields)


def _may_take(manifest: dict[str, Any]) -> bool:
    """Whether a workflow looks for reusable results. Which ones it took is recorded after its end."""
    templates = manifest.get("spec", {}).get("templates", ())
    return any(template.get("name") == REUSE_TASK for template in templates)


def find_submission(
    conn: Connection, *, submitted_by: UUID, idempotency_key: str, request_digest: str | None
) -> Run | None:
    """Find the run that the same request made before; None if there is none.

    Raises:
        InvalidRequestError: the key was used for a different request.
    """
    found = conn.execute(
        load_queries("submissions")["find_submission"],
        {"submitted_by": submitted_by, "idempotency_key": idempotency_key},
    ).fetchone()
    if found is None:
        return None
    name, digest = found
    if digest != request_digest:
        raise InvalidRequestError(
            f"Idempotency-Key {idempotency_key!r} was used for a different request, which created run "
            f"{name!r}. Give each request its own key."
        )
    return find_run(conn, name)


def require_place(conn: Connection, recipe_id: str, *, overwrite: bool, but: str | None = None) -> None:
    """Check that a run may publish to a recipe's place on the workflow volume.

    The answer holds while the transaction has claimed the recipe. The run `but` is ignored.

    Raises:
        AlreadyRunningError: an unfinished run publishes to it.
        AlreadyPublishedError: it has published data, and `overwrite` was not given.
    """
    running, published = _place_holders(conn, recipe_id, but=but)
    _check_place(recipe_id, running, published, overwrite=overwrite)


def publisher_of(conn: Connection, recipe_id: str) -> str | None:
    """Return the name of the run that has published data of a recipe, or None."""
    return _place_holders(conn, recipe_id, but=None)[1]


def _place_holders(conn: Connection, recipe_id: str, *, but: str | None) -> tuple[str | None, str | None]:
    """Return the unfinished run that publishes to a recipe's place, and the run that has published there."""
    wanted = {"recipe_id": recipe_id, "but": but, "exclusive": _EXCLUSIVE}
    found = conn.execute(load_queries("submissions")["find_place_holders"], wanted).fetchone()
    return found or (None, None)


def _check_place(recipe_id: str, running: str | None, published: str | None, *, overwrite: bool) -> None:
    if running is not None:
        raise AlreadyRunningError(
            f"Run {running!r} of recipe {recipe_id!r} has not ended. Wait for it or cancel it."
        )
    if published is not None and not overwrite:
        raise AlreadyPublishedError(
            f"The data of recipe {recipe_id!r} are published already, by run {published!r}. "
            "Submit with `overwrite` (`--overwrite` on the command line) to replace them."
        )


def count_unfinished(conn: Connection, user_id: UUID, *, but: str | None = None) -> tuple[int, int]:
    """Count a user's running runs and those that have not started, without the run `but`."""
    wanted = {"user_id": user_id, "but": but}
    found = conn.execute(load_queries("submissions")["count_unfinished"], wanted).fetchone()
    assert found is not None
    return found[0], found[1]


def record_handover(conn: Connection, name: str, *, uid: str) -> bool:
    """Record that Argo has the workflow; False if the run was withdrawn or has another workflow uid."""
    return _changes(conn, "record_handover", {"name": name, "uid": uid})


def record_refusal(
    conn: Connection, name: str, *, message: str, cancelled_by: UUID | None = None, only_waiting: bool = False
) -> bool:
    """End a run that Argo will never get as Error; False if Argo has it or there is no such run.

    `cancelled_by` is the user who cancelled it, or None if Argo rejected it. With `only_waiting`, a run that
    was released from the queue is not ended.
    """
    known = {"name": name, "message": message, "cancelled_by": cancelled_by, "only_waiting": only_waiting}
    return _changes(conn, "record_refusal", known)


def withdraw(conn: Connection, name: str) -> bool:
    """Delete a run that Argo never got; False if Argo has it or there is no such run."""
    return _changes(conn, "withdraw", {"name": name})


def unsent_runs(conn: Connection, *, older_than: float) -> list[str]:
    """Return unfinished runs that Argo may not have and that were due more than `older_than` seconds ago."""
    found = conn.execute(load_queries("submissions")["unsent_runs"], {"older_than": older_than})
    return [name for (name,) in found]


def get_manifest(conn: Connection, name: str) -> dict[str, Any]:
    """Read the Workflow that was, or will be, sent to Argo.

    Raises:
        UnknownRunError: there is no run with that name.
    """
    found = conn.execute(load_queries("submissions")["get_manifest"], {"name": name}).fetchone()
    if found is None:
        raise UnknownRunError(name)
    manifest: dict[str, Any] = found[0]
    return manifest


def claim_retry(conn: Connection, name: str) -> Run:
    """Check that a run may be retried, and reserve its place until the transaction ends.

    The caller retries the workflow and records the state that Argo returns in the same transaction.

    Raises:
        UnknownRunError: there is no run with that name.
        RunStateError: it has not failed, or its workflow no longer exists.
        AlreadyRunningError: another unfinished run publishes to the same place.
        AlreadyPublishedError: another run has published since, and this one may not overwrite.
    """
    conn.execute(load_queries("submissions")["lock_recipe_of"], {"name": name})
    run = get_run(conn, name)
    if run.status not in FAILED_PHASES:
        raise RunStateError(
            f"Run {name!r} is {run.status}: only a run that is Failed or Error can be retried."
        )
    if run.removing is not None:
        raise RunStateError(f"The artifacts of run {name!r} are being removed. Submit the recipe again.")
    if run.deleted_at is not None or run.workflow_uid is None:
        raise RunStateError(f"The workflow of run {name!r} no longer exists. Submit the recipe again.")
    if policy_of(run.output_type).is_exclusive:
        require_place(conn, run.recipe_id, overwrite=run.overwrite, but=name)
    return run


def _claim_recipe(conn: Connection, recipe_id: str, *, name: str) -> None:
    """Lock a recipe until the transaction ends, which serializes its submissions."""
    found = conn.execute(
        load_queries("submissions")["claim_recipe"], {"id": recipe_id, "name": name}
    ).fetchone()
    if found != (name,):
        known = found[0] if found else None
        raise RecipeIdTakenError(
            f"The recipe names {known!r} and {name!r} both give the recipe id {recipe_id!r}, "
            f"which {known!r} uses already. Choose another name."
        )


def _earlier_run(conn: Connection, new: NewRun) -> Run | None:
    if new.idempotency_key is None:
        return None
    return find_submission(
        conn,
        submitted_by=new.submitted_by,
        idempotency_key=new.idempotency_key,
        request_digest=new.request_digest,
    )


def _changes(conn: Connection, query: str, parameters: dict[str, Any]) -> bool:
    return conn.execute(load_queries("submissions")[query], parameters).rowcount == 1
