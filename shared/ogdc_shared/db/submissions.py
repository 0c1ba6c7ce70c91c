"""Submissions: runs on their way to Argo.

The row comes first and holds the manifest (an outbox); then Argo, under the run's name; then the row again.
Runs left in between by a crash are found by `unsent_runs`; creating a workflow twice under one name is
harmless.
"""

from __future__ import annotations

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
from ogdc_shared.phases import FAILED_PHASES
from ogdc_shared.plan import REUSE_LABEL


class NewRun(NamedTuple):
    """A submission that passed validation, before Argo knows of it."""

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
    partitions: int | None
    """None: the run finds its inputs itself."""
    manifest: dict[str, Any]
    """The Workflow as it goes to Argo."""
    submitted_by: UUID
    """`User.id`."""
    idempotency_key: str | None = None
    request_digest: str | None = None
    """Digest of everything the request asked for; only compared, and only under an idempotency key."""
    input_files: int | None = None
    input_bytes: int | None = None
    """None: not known beforehand."""
    parameters: dict[str, Any] | None = None
    """Their values by name, as everybody may see them."""
    priority: int = 0
    """Those of a higher one go first."""
    parallelism: int | None = None
    """Most tasks at once; None: one."""
    queued: bool = False
    """Whether it waits for its turn, until `db.queue.release` gives it."""


class EarlierRun(NamedTuple):
    """A run whose results another may take."""

    name: str
    succeeded: bool


def earlier_runs(conn: Connection, *, submitted_by: UUID, recipe_id: str, label: str) -> list[EarlierRun]:
    """Read the newest runs of a user and a recipe that bear a `REUSE_LABEL`."""
    wanted = {"submitted_by": submitted_by, "recipe_id": recipe_id, "label": label, "key": REUSE_LABEL}
    cursor = conn.cursor(row_factory=class_row(EarlierRun))
    return cursor.execute(load_queries("submissions")["earlier_runs"], wanted).fetchall()


def record_submission(conn: Connection, new: NewRun) -> Run:
    """Record a run for Argo to be given, or return the run an earlier request with the same key made.

    Tell them apart by the name: it is `new.name` only where the run is new.

    Raises:
        RecipeIdTakenError: another recipe name already stands for this id.
        AlreadyRunningError: an unfinished run of the recipe publishes to the same place.
        AlreadyPublishedError: the data are published and `overwrite` was not given.
        InvalidRequestError: the idempotency key was used for a different request.
    """
    _claim_recipe(conn, new.recipe_id, name=new.recipe_name)
    run = _earlier_run(conn, new)
    while run is None:
        if policy_of(new.output_type).is_exclusive:
            require_place(conn, new.recipe_id, overwrite=new.overwrite)
        # Where a submission of another recipe used the key meanwhile, that is the earlier run.
        run = _insert(conn, new) or _earlier_run(conn, new)
    return run


def _insert(conn: Connection, new: NewRun) -> Run | None:
    """Record a run; None: its key is used already."""
    as_json: dict[str, Any] = {
        "manifest": Jsonb(new.manifest, msgspec.json.encode),
        "parameters": Json(new.parameters) if new.parameters else None,
        "reused_from": None if _may_take(new.manifest) else [],
    }
    cursor = conn.cursor(row_factory=class_row(Run))
    statement = load_queries("submissions")["insert_run"] + b"\n" + load_queries("runs")["select_runs"]
    return cursor.execute(statement, new._asdict() | as_json).fetchone()


def _may_take(manifest: dict[str, Any]) -> bool:
    """Whether a workflow looks for results of earlier runs; which it has taken is known at its end."""
    templates = manifest.get("spec", {}).get("templates", ())
    return any(template.get("name") == REUSE_TASK for template in templates)


def find_submission(
    conn: Connection, *, submitted_by: UUID, idempotency_key: str, request_digest: str | None
) -> Run | None:
    """Find the run that this very request made before; None: there is none.

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
            f"Idempotency-Key {idempotency_key!r} belongs to a different request, which made run {name!r}. "
            "Give each request a key of its own."
        )
    return find_run(conn, name)


def require_place(conn: Connection, recipe_id: str, *, overwrite: bool, but: str | None = None) -> None:
    """Check that a run may publish to a recipe's place on the workflow volume.

    The answer holds while the transaction has the recipe claimed. `but` names a run that does not count.

    Raises:
        AlreadyRunningError: an unfinished run publishes to it.
        AlreadyPublishedError: it holds data, and `overwrite` was not given.
    """
    found = conn.execute(
        load_queries("submissions")["find_place_holders"],
        {"recipe_id": recipe_id, "but": but, "exclusive": [str(kind) for kind in EXCLUSIVE]},
    ).fetchone()
    running, published = found or (None, None)
    if running is not None:
        raise AlreadyRunningError(
            f"Run {running!r} of recipe {recipe_id!r} has not ended. Wait for it or cancel it."
        )
    if published is not None and not overwrite:
        raise AlreadyPublishedError(
            f"The data of recipe {recipe_id!r} are published already, by run {published!r}. "
            "Submit with `overwrite` to replace them."
        )


def count_unfinished(conn: Connection, user_id: UUID, *, but: str | None = None) -> tuple[int, int]:
    """How many runs of a user are running, and how many have not begun; `but` is one that does not count."""
    wanted = {"user_id": user_id, "but": but}
    found = conn.execute(load_queries("submissions")["count_unfinished"], wanted).fetchone()
    assert found is not None
    return found[0], found[1]


def record_handover(conn: Connection, name: str, *, uid: str) -> bool:
    """Record that Argo has the workflow; False: the run was withdrawn, or its workflow has another uid."""
    return _changes(conn, "record_handover", {"name": name, "uid": uid})


def record_refusal(
    conn: Connection, name: str, *, message: str, cancelled_by: UUID | None = None, only_waiting: bool = False
) -> bool:
    """End a run as Error that Argo will never take; False: Argo has it, or there is no such run.

    `cancelled_by` is the user who does not want it any more; None: Argo does not take it. `only_waiting`: not
    one whose turn has come.
    """
    known = {"name": name, "message": message, "cancelled_by": cancelled_by, "only_waiting": only_waiting}
    return _changes(conn, "record_refusal", known)


def withdraw(conn: Connection, name: str) -> bool:
    """Forget a run Argo never got; False: Argo has it, or there is no such run."""
    return _changes(conn, "withdraw", {"name": name})


def unsent_runs(conn: Connection, *, older_than: float) -> list[str]:
    """Names of the unfinished runs that Argo may not have, whose turn came more than so many seconds ago."""
    found = conn.execute(load_queries("submissions")["unsent_runs"], {"older_than": older_than})
    return [name for (name,) in found]


def get_manifest(conn: Connection, name: str) -> dict[str, Any]:
    """Read the Workflow as it went, or is to go, to Argo.

    Raises:
        UnknownRunError: no run of that name.
    """
    found = conn.execute(load_queries("submissions")["get_manifest"], {"name": name}).fetchone()
    if found is None:
        raise UnknownRunError(name)
    manifest: dict[str, Any] = found[0]
    return manifest


def claim_retry(conn: Connection, name: str) -> Run:
    """Check that a run may be retried, and keep its place from other runs until the transaction ends.

    Retry the workflow and record the state Argo answers with inside the same transaction.

    Raises:
        UnknownRunError: no run of that name.
        RunStateError: it has not failed, or its workflow is gone.
        AlreadyRunningError: another unfinished run publishes to the same place.
        AlreadyPublishedError: another run has published since and this one may not overwrite.
    """
    conn.execute(load_queries("submissions")["lock_recipe_of"], {"name": name})
    run = get_run(conn, name)
    if run.status not in FAILED_PHASES:
        raise RunStateError(
            f"Run {name!r} is {run.status}: only a run that is Failed or Error can be retried."
        )
    if run.removing is not None:
        raise RunStateError(f"What run {name!r} left is being removed: submit the recipe again.")
    if run.deleted_at is not None or run.workflow_uid is None:
        raise RunStateError(f"Argo has no workflow of run {name!r} (any more): submit the recipe again.")
    if policy_of(run.output_type).is_exclusive:
        require_place(conn, run.recipe_id, overwrite=run.overwrite, but=name)
    return run


def _claim_recipe(conn: Connection, recipe_id: str, *, name: str) -> None:
    """Have submissions of one recipe take turns: the next waits here until this transaction ends."""
    found = conn.execute(
        load_queries("submissions")["claim_recipe"], {"id": recipe_id, "name": name}
    ).fetchone()
    if found != (name,):
        known = found[0] if found else None
        raise RecipeIdTakenError(
            f"The recipe names {known!r} and {name!r} both make the recipe id {recipe_id!r}, "
            f"which stands for {known!r} already. Choose another name."
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
