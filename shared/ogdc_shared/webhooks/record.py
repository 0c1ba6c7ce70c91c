"""The tables of webhooks and deliveries.

A delivery is an outbox: it is recorded together with the fact that a run's end was announced, and any process
can attempt one that is due. Its id is the event's, by which receivers recognize duplicates.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import class_row

from ogdc_shared.db.queries import load_queries
from ogdc_shared.errors import UnknownWebhookError


class NewWebhook(NamedTuple):
    """The data of a webhook to record."""

    url: str
    secret: bytes
    """What deliveries are signed with."""
    outcomes: list[str]
    """Some of `RunOutcome`, as text."""
    recipe_id: str | None
    """Limits it to runs of one recipe, unless None."""
    trigger_name: str | None
    """Limits it to runs started by one trigger, unless None."""


class Webhook(NamedTuple):
    """A webhook as recorded, but for its secret."""

    id: UUID
    owner: str
    """The user whose runs are delivered, as displayed."""
    owner_id: UUID
    url: str
    outcomes: list[str]
    recipe_id: str | None
    trigger_name: str | None
    created_at: datetime


class Delivery(NamedTuple):
    """The end of a run, to be delivered to a webhook."""

    id: UUID
    run: str
    outcome: str
    """A `RunOutcome`, as text."""
    created_at: datetime
    attempts: int
    due_at: datetime | None
    """When it is tried next, or None if it was delivered or given up."""
    delivered_at: datetime | None
    message: str | None
    """Why the last attempt failed, or None if none has failed."""


class DueDelivery(NamedTuple):
    """A delivery that is being tried."""

    id: UUID
    webhook_id: UUID | None
    """The receiving webhook, or None for the deployment's own sink."""
    outcome: str
    run: dict[str, Any]
    """What the event tells of the run."""
    attempts: int
    """With this one."""
    created_at: datetime
    url: str | None
    secret: bytes | None


def add_webhook(conn: Connection, new: NewWebhook, *, owner: UUID) -> Webhook:
    """Record a webhook."""
    found = conn.execute(_sql("insert_webhook"), new._asdict() | {"owner": owner}).fetchone()
    assert found is not None
    return get_webhook(conn, found[0])


def get_webhook(conn: Connection, webhook_id: UUID) -> Webhook:
    """Read a webhook.

    Raises:
        UnknownWebhookError: there is no webhook of that id.
    """
    webhook = _select(conn, "where_webhook", id=webhook_id).fetchone()
    if webhook is None:
        raise UnknownWebhookError(str(webhook_id))
    return webhook


def list_webhooks(conn: Connection, *, owner: UUID) -> list[Webhook]:
    """Read a user's webhooks, those made first at the top."""
    return _select(conn, "where_owner", owner=owner).fetchall()


def count_webhooks(conn: Connection, *, owner: UUID) -> int:
    """Count a user's webhooks; nobody else can add any until the transaction ends."""
    found = conn.execute(_sql("count_webhooks"), {"owner": owner}).fetchone()
    return found[0] if found else 0


def remove_webhook(conn: Connection, webhook_id: UUID) -> None:
    """Delete a webhook and its pending deliveries."""
    conn.execute(_sql("delete_webhook"), {"id": webhook_id})


def list_deliveries(conn: Connection, webhook_id: UUID, *, limit: int) -> list[Delivery]:
    """Read the newest deliveries of a webhook, newest first."""
    cursor = conn.cursor(row_factory=class_row(Delivery))
    return cursor.execute(_sql("select_deliveries"), {"webhook_id": webhook_id, "limit": limit}).fetchall()


def announce(conn: Connection, *, name: str | None = None, limit: int = 1000, to_sink: bool) -> int:
    """Record the deliveries for runs that have ended and are not announced yet, in one statement.

    Args:
        conn: The database connection.
        name: The run that has ended, or None for all that have.
        limit: The maximum number of runs.
        to_sink: Whether the deployment's own sink receives the ends, too.

    Returns:
        The number of deliveries recorded.
    """
    found = _sql("find_ends" if name is None else "find_end")
    wanted = {"name": name, "limit": limit, "to_sink": to_sink}
    return conn.execute(found + b"\n" + _sql("announce"), wanted).rowcount


def forget_end(conn: Connection, name: str) -> None:
    """Have a run's next end announced even if it is the same as the last one."""
    conn.execute(_sql("forget_end"), {"name": name})


def claim_delivery(conn: Connection, *, lease: float) -> DueDelivery | None:
    """Reserve a delivery that is due for `lease` seconds, and return it, or None if none is due."""
    cursor = conn.cursor(row_factory=class_row(DueDelivery))
    return cursor.execute(_sql("claim_delivery"), {"lease": lease}).fetchone()


def record_delivered(conn: Connection, delivery_id: UUID) -> None:
    """Record that a receiver has taken a delivery."""
    conn.execute(_sql("record_delivered"), {"id": delivery_id})


def record_failure(
    conn: Connection, delivery: DueDelivery, *, message: str, again_after: float | None
) -> None:
    """Record why an attempt failed, and postpone the receiver's other deliveries as well.

    Args:
        conn: The database connection.
        delivery: The delivery that was tried.
        message: Why it failed.
        again_after: Seconds until the next attempt, or None to give up.
    """
    failed = {"id": delivery.id, "message": message, "again_after": again_after}
    conn.execute(_sql("record_failure"), failed)
    if again_after is not None:
        conn.execute(_sql("put_off"), failed | {"webhook_id": delivery.webhook_id})


def forget_deliveries(conn: Connection, *, older_than: float, limit: int) -> int:
    """Delete up to `limit` finished deliveries older than `older_than` seconds; return how many."""
    return conn.execute(_sql("forget_deliveries"), {"older_than": older_than, "limit": limit}).rowcount


def _sql(name: str) -> bytes:
    return load_queries("webhooks")[name]


def _select(conn: Connection, where: str, **parameters: Any) -> Cursor[Webhook]:
    cursor = conn.cursor(row_factory=class_row(Webhook))
    return cursor.execute(_sql("select_webhooks") + b"\n" + _sql(where), parameters)
