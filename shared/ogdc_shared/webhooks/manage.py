"""Adding, listing and removing webhooks."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from ogdc_shared.accounts.users import read_id
from ogdc_shared.auth.permissions import Role
from ogdc_shared.db.audit import Action, record_act
from ogdc_shared.db.users import caller_id, find_user
from ogdc_shared.errors import ConflictError, InvalidRequestError, UnknownWebhookError
from ogdc_shared.outcomes import RunOutcome
from ogdc_shared.webhooks import record
from ogdc_shared.webhooks.record import Delivery, NewWebhook, Webhook

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg import Connection

    from ogdc_shared.api.requests import WebhookRequest
    from ogdc_shared.auth.caller import Caller
    from ogdc_shared.context import Context

MAX_WEBHOOKS = 20
"""The limit for one user: each end of a run is delivered to all of their webhooks."""
SECRET_PREFIX = "whsec_"  # noqa: S105  what is before one
"""Source: Standard Webhooks 1.0.0, signature scheme, secret serialization."""
_SECRET_BYTES = 32
_MIN_SECRET, _MAX_SECRET = 24, 64
"""Bytes; by the same source."""


class MadeWebhook(NamedTuple):
    """A webhook at its making."""

    webhook: Webhook
    secret: str
    """As receivers' libraries take it; it is not shown again."""


def add_webhook(context: Context, asked: WebhookRequest, *, caller: Caller) -> MadeWebhook:
    """Add a webhook to which the ends of the caller's runs are delivered.

    The address that the URL leads to is checked at each delivery, since DNS may have changed by then.

    Raises:
        InvalidRequestError: the URL or the secret cannot be used.
        ConflictError: the caller has reached the limit of webhooks.
    """
    secret = secrets.token_bytes(_SECRET_BYTES) if asked.secret is None else _read_secret(asked.secret)
    new = NewWebhook(
        url=_checked_url(asked.url),
        secret=secret,
        outcomes=sorted(set(asked.outcomes or RunOutcome)),
        recipe_id=asked.recipe_id,
        trigger_name=asked.trigger,
    )
    with context.database.transaction() as conn:
        owner = caller_id(conn, caller)
        if record.count_webhooks(conn, owner=owner) >= MAX_WEBHOOKS:
            raise ConflictError(f"You have {MAX_WEBHOOKS} webhooks, which is the limit. Remove one first.")
        webhook = record.add_webhook(conn, new, owner=owner)
        record_act(conn, Action.ADD_WEBHOOK, str(webhook.id), caller=caller, host=urlsplit(new.url).hostname)
    return MadeWebhook(webhook, SECRET_PREFIX + b64encode(secret).decode())


def list_webhooks(context: Context, *, caller: Caller) -> list[Webhook]:
    """Read the caller's webhooks, those made first at the top."""
    with context.database.autocommit() as conn:
        owner = _known_id(conn, caller)
        return [] if owner is None else record.list_webhooks(conn, owner=owner)


def show_webhook(
    context: Context, webhook_id: str, *, caller: Caller, deliveries: int
) -> tuple[Webhook, list[Delivery]]:
    """Read a webhook and its newest deliveries; admins may read anybody's, others their own.

    Raises:
        UnknownWebhookError: there is no webhook of that id, or it belongs to another user.
    """
    with context.database.autocommit() as conn:
        webhook = _own_webhook(conn, webhook_id, caller=caller)
        return webhook, record.list_deliveries(conn, webhook.id, limit=deliveries)


def remove_webhook(context: Context, webhook_id: str, *, caller: Caller) -> Webhook:
    """Delete a webhook; nothing more is delivered to it. Admins may delete anybody's, others their own.

    Raises:
        UnknownWebhookError: there is no webhook of that id, or it belongs to another user.
    """
    with context.database.transaction() as conn:
        webhook = _own_webhook(conn, webhook_id, caller=caller)
        record.remove_webhook(conn, webhook.id)
        record_act(conn, Action.REMOVE_WEBHOOK, str(webhook.id), caller=caller)
    return webhook


def _own_webhook(conn: Connection, webhook_id: str, *, caller: Caller) -> Webhook:
    webhook = record.get_webhook(conn, read_id(webhook_id, UnknownWebhookError))
    if caller.role != Role.ADMIN and webhook.owner_id != _known_id(conn, caller):
        raise UnknownWebhookError(webhook_id)
    return webhook


def _known_id(conn: Connection, caller: Caller) -> UUID | None:
    """Return the id of the caller's record, or None if there is none yet."""
    if caller.user_id is not None:
        return caller.user_id
    user = find_user(conn, caller.subject, issuer=caller.issuer)
    return None if user is None else user.id


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or "@" in parts.netloc or parts.fragment or not (url.isascii() and url.isprintable()):
        raise InvalidRequestError(
            f"url={url!r:.100}: give an http or https URL in ASCII, without user name and fragment."
        )
    return url


def _read_secret(text: str) -> bytes:
    try:
        secret = b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (Base64Error, ValueError):
        secret = b""
    if not _MIN_SECRET <= len(secret) <= _MAX_SECRET:
        raise InvalidRequestError(
            f"secret: give {_MIN_SECRET} to {_MAX_SECRET} bytes in base64, with or without the prefix "
            f"{SECRET_PREFIX}. Without a secret, the service generates one."
        )
    return secret
