"""The audit log: an append-only table of who did what."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ogdc_shared.auth.caller import Caller
from ogdc_shared.db.queries import load_queries
from ogdc_shared.db.users import caller_id


class Action(StrEnum):
    """Actions in the audit log. Reading and rejected requests are not recorded."""

    SUBMIT = "run.submit"
    CANCEL = "run.cancel"
    RETRY = "run.retry"
    REMOVE = "run.remove"
    ADD_TRIGGER = "trigger.add"
    REMOVE_TRIGGER = "trigger.remove"
    ADD_WEBHOOK = "webhook.add"
    REMOVE_WEBHOOK = "webhook.remove"
    DEPLOY = "process.deploy"
    UNDEPLOY = "process.undeploy"
    ADD_TOKEN = "token.add"  # noqa: S105  not a password
    REVOKE_TOKEN = "token.revoke"  # noqa: S105
    ADD_USER = "user.add"
    CHANGE_USER = "user.change"


class Act(NamedTuple):
    """An entry of the audit log."""

    id: int
    """Increases with time."""
    at: datetime
    actor_id: UUID | None
    actor: str | None
    """Current name of the user, or None for the operator using a command."""
    token_id: UUID | None
    """The API token that authenticated the request, or None."""
    action: str
    """An `Action`, as text."""
    object: str
    """The object acted on: the name of a run or trigger, or the id of a user, token or webhook."""
    details: dict[str, Any]


class ActPage(NamedTuple):
    """A page of the audit log."""

    acts: list[Act]
    """Newest first."""
    next: int | None
    """Value for `list_acts(before=…)`, or None if there are no older entries."""


def record_act(conn: Connection, action: Action, what: str, *, caller: Caller | None, **details: Any) -> None:
    """Add an entry to the audit log, in the same transaction as the action itself where there is one.

    Args:
        conn: The connection.
        action: The action.
        what: The object acted on.
        caller: The user, or None for the operator using a command.
        details: Further facts, stored as JSON.
    """
    actor = None if caller is None else caller_id(conn, caller)
    known = {"object": what, "actor": actor}
    conn.execute(load_queries("audit")["insert_act"], new_act(action, caller=caller, **details) | known)


def new_act(action: Action, *, caller: Caller | None, **details: Any) -> dict[str, Any]:
    """Return an entry as parameters of a statement that knows the user and the object itself."""
    token = None if caller is None or caller.token is None else caller.token.id
    return {"action": action, "token": token, "details": Jsonb(details)}


def list_acts(
    conn: Connection,
    *,
    actor: UUID | None = None,
    action: str | None = None,
    what: str | None = None,
    before: int | None = None,
    limit: int,
) -> ActPage:
    """Read a page of entries, newest first; all arguments but `limit` are filters."""
    wanted = {"actor": actor, "action": action, "object": what, "before": before, "limit": limit + 1}
    with conn.cursor(row_factory=class_row(Act)) as cursor:
        found = cursor.execute(load_queries("audit")["list_acts"], wanted, prepare=False).fetchall()
    acts = found[:limit]
    return ActPage(acts, acts[-1].id if len(found) > limit else None)
