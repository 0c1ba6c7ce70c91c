"""Delivering notifications of the ends of runs, as signed CloudEvents.

A delivery is retried until the receiver accepts it or the attempts are used up; so it arrives at least once,
with the same id each time. Only the status of a response is read.

Source: Standard Webhooks 1.0.0 (headers, signature, retries, 410); CloudEvents 1.0.2, HTTP protocol binding,
structured content mode.
"""

from __future__ import annotations

import hmac
import logging
from base64 import b64encode
from datetime import UTC, datetime
from time import monotonic, time
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared.errors import OgdcError
from ogdc_shared.events.cloudevents import Event, write_structured_event
from ogdc_shared.reach import Reach
from ogdc_shared.webhooks.record import DueDelivery, claim_delivery, record_delivered, record_failure

if TYPE_CHECKING:
    import urllib3

    from ogdc_shared.context import Context

TYPE_PREFIX = "org.ogdc.run."
"""Of events' types; a `RunOutcome` comes after it."""
SOURCE = "/ogdc/runs"

PAUSES = (10.0, 60.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0)
"""Seconds between attempts, about a day and a half in all."""
_SECONDS = 10.0
"""How long a receiver may take, to connect and to answer."""
_LEASE_SECONDS = 300.0
"""Longer than an attempt takes; a delivery with no outcome recorded by then is tried again."""
_GONE = 410

_log = logging.getLogger(__name__)


class _RefusedError(Exception):
    """The receiver did not accept a delivery."""

    def __init__(self, message: str, *, for_good: bool = False) -> None:
        super().__init__(message)
        self.for_good = for_good


class Delivered(NamedTuple):
    """Names of the runs whose deliveries were tried."""

    taken: list[str]
    refused: list[str]


def deliver_due(context: Context, *, deadline: float) -> Delivered:
    """Try all deliveries that are due, one after the other.

    May be called at any time, also by several processes at once.

    Args:
        context: The service's dependencies.
        deadline: A `time.monotonic` value after which no delivery is started.

    Raises:
        DatabaseUnavailableError: PostgreSQL does not answer.
    """
    done = Delivered([], [])
    sender: _Sender | None = None
    while monotonic() < deadline:
        with context.database.autocommit() as conn:
            delivery = claim_delivery(conn, lease=_LEASE_SECONDS)
        if delivery is None:
            break
        sender = sender or _Sender(context)
        (done.taken if _deliver(context, sender, delivery) else done.refused).append(delivery.run["name"])
    return done


def _deliver(context: Context, sender: _Sender, delivery: DueDelivery) -> bool:
    try:
        sender.send(delivery)
    except _RefusedError as exc:
        _note_failure(context, delivery, exc)
        return False
    with context.database.autocommit() as conn:
        record_delivered(conn, delivery.id)
    return True


def _note_failure(context: Context, delivery: DueDelivery, refused: _RefusedError) -> None:
    left = PAUSES[delivery.attempts - 1 :]
    again_after = left[0] if left and not refused.for_good else None
    _log.warning(
        "the end of run %s could not be delivered to %s: %s; %s",
        delivery.run["name"],
        delivery.webhook_id or "the sink",
        refused,
        "given up" if again_after is None else f"again in {again_after:g} s",
    )
    with context.database.autocommit() as conn:
        record_failure(conn, delivery, message=str(refused), again_after=again_after)


class _Sender:
    """The connections of one sweep, which lead where each receiver may be."""

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._sink = settings.event_sink
        local = settings.allow_local_recipes  # the caller is this machine's own user
        self._public = _pool(Reach(anywhere=local, networks=settings.allowed_networks))
        self._own = _pool(Reach(anywhere=True))

    def send(self, delivery: DueDelivery) -> None:
        """Make one attempt.

        Raises:
            _RefusedError: it was not taken.
        """
        if delivery.webhook_id is None:
            pool, url = self._own, self._sink
        else:
            pool, url = self._public, delivery.url
        if url is None:
            raise _RefusedError("it is not there any more", for_good=True)
        headers, body = write_structured_event(_event(delivery))
        headers |= {"User-Agent": "ogdc-runner"}
        headers |= signature(str(delivery.id), body, secret=delivery.secret) if delivery.secret else {}
        _post(pool, url, headers, body)


def signature(message_id: str, body: bytes, *, secret: bytes, at: int | None = None) -> dict[str, str]:
    """Return the headers with which a receiver verifies that a delivery is authentic and recent.

    Args:
        message_id: Id of the delivery.
        body: The body that is sent.
        secret: The secret shared with the receiver.
        at: When it is sent, in seconds since 1970, or None for now.
    """
    sent_at = str(int(time()) if at is None else at)
    signed = b".".join((message_id.encode(), sent_at.encode(), body))
    digest = hmac.digest(secret, signed, "sha256")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,{b64encode(digest).decode()}",
    }


def _event(delivery: DueDelivery) -> Event:
    ended = delivery.run.get("finished_at")
    at = datetime.fromisoformat(ended) if ended else delivery.created_at
    return Event(
        id=str(delivery.id),
        source=SOURCE,
        type=TYPE_PREFIX + delivery.outcome,
        subject=delivery.run["name"],
        data=delivery.run,
        time=at.astimezone(UTC).isoformat(),
    )


def _pool(reach: Reach) -> urllib3.PoolManager:
    import urllib3

    from ogdc_shared.connections import pool_manager

    return pool_manager(reach, timeout=urllib3.Timeout(connect=_SECONDS, read=_SECONDS), retries=False)


def _post(pool: urllib3.PoolManager, url: str, headers: dict[str, str], body: bytes) -> None:
    from urllib3.exceptions import HTTPError

    try:
        response = pool.request(
            "POST", url, headers=headers, body=body, redirect=False, preload_content=False
        )
        status = response.status
        response.close()
    except OgdcError as exc:  # where it leads is forbidden
        raise _RefusedError(str(exc)) from exc
    except (HTTPError, OSError, ValueError) as exc:
        raise _RefusedError(
            f"it does not answer ({type(getattr(exc, 'reason', None) or exc).__name__})"
        ) from exc
    if not 200 <= status < 300:
        raise _RefusedError(f"it answers {status}", for_good=status == _GONE)
