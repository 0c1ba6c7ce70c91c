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
    """Who is to be told of what."""

    url: str
    secret: bytes
    """What deliveries are signed with."""
    outcomes: list[str]
    """Some of `RunOutcome`, as text."""
    recipe_id: str | None
    """None: of any recipe."""
    trigger_name: str | None
    """None: by any trigger, or by none."""


class Webhook(NamedTuple):
    """A webhook as recorded, but for its secret."""

    id: UUID
    owner: str
    """Of whose runs it tells, as they are shown."""
    owner_id: UUID
    url: str
    outcomes: list[str]
    recipe_id: str | None
    trigger_name: str | None
    created_at: datetime


class Delivery(NamedTuple):
    """The end of a run that a webhook is told of."""

    id: UUID
    run: str
    outcome: str
    """A `RunOutcome`, as text."""
    created_at: datetime
    attempts: int
    due_at: datetime | None
    """When it is tried next; None: it was delivered, or given up."""
    delivered_at: datetime | None
    message: str | None
    """Why the last attempt failed; None: none has."""


class DueDelivery(NamedTuple):
    """A delivery that is being tried."""

    id: UUID
    webhook_id: UUID | None
    """None: it goes to the deployment's own sink."""
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
        UnknownWebhookError: there is none of that id.
    """
    webhook = _select(conn, "where_webhook", id=webhook_id).fetchone()
    if webhook is None:
        raise UnknownWebhookError(str(webhook_id))
    return webhook


def list_webhooks(conn: Connection, *, owner: UUID) -> list[Webhook]:
    """Read a user's webhooks, those made first at the top."""
    return _select(conn, "where_owner", owner=owner).fetchall()


def count_webhooks(conn: Connection, *, owner: UUID) -> int:
    """Count a user's webhooks, which nobody else adds to until the transaction ends."""
    found = conn.execute(_sql("count_webhooks"), {"owner": owner}).fetchone()
    return found[0] if found else 0


def remove_webhook(conn: Connection, webhook_id: UUID) -> None:
    """Forget a webhook, and what it was still to be told."""
    conn.execute(_sql("delete_webhook"), {"id": webhook_id})


def list_deliveries(conn: Connection, webhook_id: UUID, *, limit: int) -> list[Delivery]:
    """Read the newest deliveries of a webhook, newest first."""
    cursor = conn.cursor(row_factory=class_row(Delivery))
    return cursor.execute(_sql("select_deliveries"), {"webhook_id": webhook_id, "limit": limit}).fetchall()


def announce(conn: Connection, *, name: str | None = None, limit: int = 1000, to_sink: bool) -> int:
    """Record who is to be told of ends that were not announced yet, in one statement.

    Args:
        conn: The database.
        name: The run that has ended; None: any that have.
        limit: At most so many runs.
        to_sink: Whether the deployment's own sink is told, too.

    Returns:
        How many deliveries that makes.
    """
    found = _sql("find_ends" if name is None else "find_end")
    wanted = {"name": name, "limit": limit, "to_sink": to_sink}
    return conn.execute(found + b"\n" + _sql("announce"), wanted).rowcount


def forget_end(conn: Connection, name: str) -> None:
    """Have a run's next end announced, also where it is the same as the last."""
    conn.execute(_sql("forget_end"), {"name": name})


def claim_delivery(conn: Connection, *, lease: float) -> DueDelivery | None:
    """Undertake a delivery that is due, for so many seconds; None: none is."""
    cursor = conn.cursor(row_factory=class_row(DueDelivery))
    return cursor.execute(_sql("claim_delivery"), {"lease": lease}).fetchone()


def record_delivered(conn: Connection, delivery_id: UUID) -> None:
    """Record that a receiver has taken a delivery."""
    conn.execute(_sql("record_delivered"), {"id": delivery_id})


def record_failure(
    conn: Connection, delivery: DueDelivery, *, message: str, again_after: float | None
) -> None:
    """Record why an attempt failed, and put off what else the receiver is to be told as well.

    Args:
        conn: The database.
        delivery: What was tried.
        message: Why it failed.
        again_after: Seconds; None: it is given up.
    """
    failed = {"id": delivery.id, "message": message, "again_after": again_after}
    conn.execute(_sql("record_failure"), failed)
    if again_after is not None:
        conn.execute(_sql("put_off"), failed | {"webhook_id": delivery.webhook_id})


def forget_deliveries(conn: Connection, *, older_than: float, limit: int) -> int:
    """Forget some deliveries of so many seconds ago that are not tried any more; returns how many."""
    return conn.execute(_sql("forget_deliveries"), {"older_than": older_than, "limit": limit}).rowcount


def _sql(name: str) -> bytes:
    return load_queries("webhooks")[name]


def _select(conn: Connection, where: str, **parameters: Any) -> Cursor[Webhook]:
    cursor = conn.cursor(row_factory=class_row(Webhook))
    return cursor.execute(_sql("select_webhooks") + b"\n" + _sql(where), parameters)
