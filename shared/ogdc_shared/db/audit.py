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
    """What is done; reading, and what is refused, is none of it."""

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
    ADD_TOKEN = "token.add"  # noqa: S105  no password
    REVOKE_TOKEN = "token.revoke"  # noqa: S105
    ADD_USER = "user.add"
    CHANGE_USER = "user.change"


class Act(NamedTuple):
    """Something that was done."""

    id: int
    """Those that were done later have greater ones."""
    at: datetime
    actor_id: UUID | None
    actor: str | None
    """Who did it, as they are shown now; None: the operator, by a command."""
    token_id: UUID | None
    """What they came with; None: something else."""
    action: str
    """An `Action`, as text."""
    object: str
    """What it was done to: the name of a run or a trigger, or the id of a user, a token or a webhook."""
    details: dict[str, Any]


class ActPage(NamedTuple):
    """Some acts."""

    acts: list[Act]
    """Newest first."""
    next: int | None
    """For `list_acts(before=…)`; None: there are no older ones."""


def record_act(conn: Connection, action: Action, what: str, *, caller: Caller | None, **details: Any) -> None:
    """Record that somebody did something; within the transaction that does it, where there is one.

    Args:
        conn: The database.
        action: What was done.
        what: What it was done to.
        caller: Who did it; None: the operator, by a command.
        details: What else there is to know, as JSON.
    """
    actor = None if caller is None else caller_id(conn, caller)
    token = None if caller is None or caller.token is None else caller.token.id
    act = {"action": action, "object": what, "actor": actor, "token": token, "details": Jsonb(details)}
    conn.execute(load_queries("audit")["insert_act"], act)


def list_acts(
    conn: Connection,
    *,
    actor: UUID | None = None,
    action: str | None = None,
    what: str | None = None,
    before: int | None = None,
    limit: int,
) -> ActPage:
    """Read a page of what was done, newest first; each argument but the last leaves out what differs."""
    wanted = {"actor": actor, "action": action, "object": what, "before": before, "limit": limit + 1}
    with conn.cursor(row_factory=class_row(Act)) as cursor:
        found = cursor.execute(load_queries("audit")["list_acts"], wanted, prepare=False).fetchall()
    acts = found[:limit]
    return ActPage(acts, acts[-1].id if len(found) > limit else None)
