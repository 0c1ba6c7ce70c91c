"""The tables of triggers and of uploads that matched one.

An upload's row is an outbox: it is written before anything is submitted, so that any process can continue
with a waiting one. Its id is the submission's idempotency key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ogdc_shared.db.queries import load_queries
from ogdc_shared.errors import TriggerExistsError, UnknownTriggerError
from ogdc_shared.triggers.notifications import ObjectCreated


class NewTrigger(NamedTuple):
    """Which uploads, or times, start what."""

    name: str
    bucket: str | None
    """None for a scheduled trigger."""
    pattern: str
    """Of keys; see `globs`."""
    kinds: list[str]
    """`put`, `post`, `copy`, `multipart`; empty means all."""
    recipe_path: str | None
    """None if the upload is the recipe."""
    overwrite: bool
    pass_object: bool
    """Whether the object becomes an input of the run."""
    base_url: str | None
    """Base URL of the bucket's objects, without a final slash; None means the store's own."""
    schedule: str | None = None
    """A cron expression; None if uploads start runs."""
    time_zone: str = "UTC"
    watched: list[str] = []  # noqa: RUF012  nobody changes it
    """URLs of which at least one must have changed since the last run; empty means run each time."""
    queues: bool = False
    """Whether a start waits until the previous run has ended; otherwise it is skipped."""
    due_at: datetime | None = None
    """The next time that the schedule names."""


class Trigger(NamedTuple):
    """A trigger as recorded; the fields of `NewTrigger`, and more."""

    id: UUID
    name: str
    owner: str
    """Name of the user to whom the runs belong."""
    owner_id: UUID
    bucket: str | None
    pattern: str
    kinds: list[str]
    recipe_path: str | None
    overwrite: bool
    pass_object: bool
    base_url: str | None
    schedule: str | None
    time_zone: str
    watched: list[str]
    queues: bool
    due_at: datetime | None
    seen: dict[str, str]
    """Validators of the watched URLs when a run was last started, by URL."""
    created_at: datetime


class Upload(NamedTuple):
    """An upload that a trigger is for."""

    id: UUID
    trigger_id: UUID | None
    """None if the trigger was removed."""
    trigger_name: str
    object: ObjectCreated
    received_at: datetime
    outcome: str
    """An `UploadOutcome`, as text."""
    message: str | None
    """Why it waits or was refused."""
    run: str | None
    """The run's name."""
    age_seconds: float
    """Since it was reported first, by the database's clock."""


def add_trigger(conn: Connection, new: NewTrigger, *, owner: UUID) -> Trigger:
    """Record a trigger.

    Raises:
        TriggerExistsError: there is one of that name.
    """
    if conn.execute(_sql("insert_trigger"), new._asdict() | {"owner": owner}).rowcount == 0:
        raise TriggerExistsError(
            f"There is a trigger named {new.name!r} already. Choose another name, or remove it first."
        )
    return get_trigger(conn, new.name)


def get_trigger(conn: Connection, name: str) -> Trigger:
    """Read a trigger.

    Raises:
        UnknownTriggerError: there is no trigger with that name.
    """
    trigger = _select_triggers(conn, "where_name", name=name).fetchone()
    if trigger is None:
        raise UnknownTriggerError(name)
    return trigger


def find_trigger(conn: Connection, trigger_id: UUID) -> Trigger | None:
    """Read a trigger by its id; None if it was removed."""
    return _select_triggers(conn, "where_id", id=trigger_id).fetchone()


def list_triggers(conn: Connection, *, bucket: str | None = None) -> list[Trigger]:
    """Read all triggers, or those of a bucket, by name."""
    if bucket is None:
        return _select_triggers(conn, "in_order").fetchall()
    return _select_triggers(conn, "where_bucket", bucket=bucket).fetchall()


def remove_trigger(conn: Connection, name: str) -> None:
    """Delete a trigger. Its runs stay; uploads that wait are not started any more.

    Raises:
        UnknownTriggerError: there is no trigger with that name.
    """
    if conn.execute(_sql("delete_trigger"), {"name": name}).rowcount == 0:
        raise UnknownTriggerError(name)
    conn.execute(_sql("forget_uploads"))


def record_upload(conn: Connection, trigger: Trigger, upload: ObjectCreated) -> UUID:
    """Record an upload, or find it where an event, of whatever shape, reported it before."""
    parameters: dict[str, Any] = {"trigger_id": trigger.id, "trigger_name": trigger.name} | upload._asdict()
    conn.execute(_sql("lock_object"), parameters)
    found = conn.execute(_sql("find_upload"), parameters).fetchone()
    if found is None:
        parameters |= {"object": Jsonb(upload._asdict())}
        found = conn.execute(_sql("insert_upload"), parameters).fetchone()
    assert found is not None
    upload_id: UUID = found[0]
    return upload_id


def get_upload(conn: Connection, upload_id: UUID) -> Upload | None:
    """Read an upload; None if its record was deleted."""
    return _upload(_select_uploads(conn, "where_upload", id=upload_id).fetchone())


def upload_of_run(conn: Connection, run_id: UUID) -> Upload | None:
    """Read the upload that started a run, or None."""
    return _upload(_select_uploads(conn, "where_run", run_id=run_id).fetchone())


def list_uploads(conn: Connection, trigger: Trigger, *, limit: int) -> list[Upload]:
    """Read the newest uploads of a trigger, newest first."""
    found = _select_uploads(conn, "where_trigger", trigger_id=trigger.id, limit=limit).fetchall()
    return [_with_object(upload) for upload in found]


def waiting_uploads(conn: Connection, *, untried_for: float) -> list[UUID]:
    """Return the ids of waiting uploads that were not tried for `untried_for` seconds."""
    found = conn.execute(_sql("waiting_uploads"), {"untried_for": untried_for})
    return [upload_id for (upload_id,) in found]


def record_try(
    conn: Connection, upload_id: UUID, *, outcome: str, message: str | None = None, run_id: UUID | None = None
) -> bool:
    """Record the outcome of trying an upload; False if it already has a run."""
    tried = {"id": upload_id, "outcome": outcome, "message": message, "run_id": run_id}
    return conn.execute(_sql("record_try"), tried).rowcount == 1


def submitted_run(conn: Connection, trigger: Trigger, *, key: str) -> str | None:
    """Return the name of the run that a trigger's owner has under an idempotency key, or None."""
    found = conn.execute(_sql("submitted_run"), {"trigger_id": trigger.id, "key": key}).fetchone()
    return None if found is None else str(found[0])


def _sql(name: str) -> bytes:
    return load_queries("triggers")[name]


def _select_triggers(conn: Connection, where: str, **parameters: Any) -> Cursor[Trigger]:
    cursor = conn.cursor(row_factory=class_row(Trigger))
    return cursor.execute(_sql("select_triggers") + b"\n" + _sql(where), parameters)


def _select_uploads(conn: Connection, where: str, **parameters: Any) -> Cursor[Upload]:
    cursor = conn.cursor(row_factory=class_row(Upload))
    return cursor.execute(_sql("select_uploads") + b"\n" + _sql(where), parameters)


def _upload(found: Upload | None) -> Upload | None:
    return None if found is None else _with_object(found)


def _with_object(upload: Upload) -> Upload:
    fields: Any = upload.object
    return upload._replace(object=ObjectCreated(**fields))
