"""Recording what is reported about runs: workflow states, deletions, and requests to reconcile.

States are applied by workflow uid and resource version. They may arrive repeatedly, late, in any order or
concurrently, with the same result. Each function executes one statement, in its own transaction or the
caller's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from ogdc_shared.argo.state import TaskState, WorkflowState
from ogdc_shared.db.queries import load_queries
from ogdc_shared.errors import DatabaseUnavailableError
from ogdc_shared.layout import PROCESS
from ogdc_shared.phases import REUSED, TERMINAL_PHASES

_MAX_TRIES = 100
"""Each failed attempt means that a concurrent one succeeded."""


class EventRef(NamedTuple):
    """The CloudEvent that reported a state."""

    source: str
    """Source and id together identify an event."""
    id: str
    type: str
    subject: str | None


class Applied(NamedTuple):
    """The effect of a report on a run."""

    before: str | None
    """Status before, or None if there is no such run."""
    after: str | None
    """Status afterwards, or None if nothing changed."""
    doubted: bool = False
    """Whether the report was not applied because it contradicts an end, so that Argo has to be asked."""

    @property
    def ended(self) -> str | None:
        """The status that the run has newly ended with, or None.

        A change from one final status to another counts, too: it is the end of a retry with an unreported
        start.
        """
        return self.after if self.after in TERMINAL_PHASES and self.after != self.before else None


class _Answer(NamedTuple):
    before: str
    after: str | None
    stale: bool
    """Whether nothing was changed because of a concurrent change; to be repeated."""
    doubted: bool


def record_state(
    conn: Connection,
    state: WorkflowState,
    *,
    gone: bool = False,
    event_ref: EventRef | None = None,
    base: WorkflowState | None = None,
    believed: bool = True,
) -> Applied:
    """Apply a workflow's state if it is newer than the record.

    A state without tasks does not change the recorded tasks, because Argo omits them from its events about
    large workflows. Events of unfinished runs are committed asynchronously: if the server's machine crashes,
    the next event brings more, and silent runs are reconciled.

    Args:
        conn: The connection.
        state: The state to apply.
        gone: Whether the workflow was deleted, so that this is its last state; an unfinished run becomes
            Error.
        event_ref: The event to remember, if the run exists.
        base: The state that the record probably has; if it does, only differences from it are sent.
        believed: Whether the state comes from Argo itself; an event must not contradict an end.

    Raises:
        DatabaseUnavailableError: the run keeps being changed concurrently.
    """
    parameters = (
        _state(state)
        | _event_parameters(event_ref)
        | {"gone": gone, "believed": believed}
        | {"passing": event_ref is not None and not gone and state.phase not in TERMINAL_PHASES}
        | _tasks(state.tasks, base=base)
    )
    for _ in range(_MAX_TRIES):
        answer = _ask(conn, "record_state", parameters)
        if answer is None or not answer.stale:
            return _applied(answer)
        if parameters["base_version"] is not None:
            parameters |= _tasks(state.tasks)
    raise DatabaseUnavailableError(f"Run {state.name!r} keeps changing. Try again in a moment.")


def record_absence(conn: Connection, name: str) -> Applied:
    """Record that the workflow no longer exists, if its last state is unknown."""
    return _applied(_ask(conn, "record_absence", {"name": name}))


def record_reference(conn: Connection, name: str, *, event_ref: EventRef) -> Applied:
    """Record that an event refers to a change that has to be read from Argo; once per event."""
    return _applied(_ask(conn, "record_reference", {"name": name} | _event_parameters(event_ref)))


def clear_refresh(conn: Connection, name: str) -> None:
    """Record that everything was read from Argo that had been requested when `claim_refresh` claimed it."""
    conn.execute(load_queries("workflow_state")["clear_refresh"], {"name": name})


def record_stop(conn: Connection, name: str, *, reason: str | None, by: UUID | None = None) -> None:
    """Record why a run is about to be stopped; None clears that.

    `by` is the user who cancels it, or None if no user does.
    """
    conn.execute(load_queries("workflow_state")["record_stop"], {"name": name, "reason": reason, "by": by})


def forget_version(conn: Connection, name: str, *, version: int) -> None:
    """Let any state count as newer than the recorded one, unless the version has changed meanwhile."""
    conn.execute(load_queries("workflow_state")["forget_version"], {"name": name, "version": version})


def request_refresh(conn: Connection, name: str) -> None:
    """Request that a run is read from Argo again later, since something remained undone."""
    conn.execute(load_queries("workflow_state")["request_refresh"], {"name": name})


def _ask(conn: Connection, query: str, parameters: dict[str, Any]) -> _Answer | None:
    cursor = conn.cursor(row_factory=class_row(_Answer))
    return cursor.execute(load_queries("workflow_state")[query], parameters).fetchone()


def _applied(answer: _Answer | None) -> Applied:
    return Applied(None, None) if answer is None else Applied(answer.before, answer.after, answer.doubted)


def _event_parameters(event_ref: EventRef | None) -> dict[str, str | None]:
    fields = (None, None, None, None) if event_ref is None else event_ref
    return {f"event_{name}": value for name, value in zip(EventRef._fields, fields, strict=True)}


def _state(state: WorkflowState) -> dict[str, Any]:
    partitioned = (task.phase for task in state.tasks if task.partition is not None and task.stage == PROCESS)
    return state._asdict() | {
        "version": state.resource_version,
        "task_counts": json.dumps(Counter(task.phase for task in state.tasks)),
        "partition_counts": json.dumps(
            {**Counter(partitioned), **({REUSED: state.reused} if state.reused else {})}
        ),
        "warnings": state.warnings and state.warnings.to_json(),
        "package": state.package and state.package.to_json(),
    }


def _tasks(tasks: tuple[TaskState, ...], *, base: WorkflowState | None = None) -> dict[str, Any]:
    """Return the tasks as parameters: all, or those that differ from the base's."""
    if base is None or not tasks:
        return {"tasks": _as_json(tasks) if tasks else None, "base_version": None, "removed": None}
    known = {task.node_id: task for task in base.tasks}
    changed = [task for task in tasks if known.pop(task.node_id, None) != task]
    return {"tasks": _as_json(changed), "base_version": base.resource_version, "removed": list(known)}


def _as_json(tasks: Iterable[TaskState]) -> str:
    """Encode tasks for `json_to_recordset`, without NUL, which PostgreSQL rejects even as an escape."""
    text = json.dumps([task._asdict() for task in tasks], ensure_ascii=False, default=str)
    return text.replace("\\u0000", "\\ufffd")
