"""Recording what is reported about runs: workflow states, deletions, and requests to reconcile.

States are applied by workflow uid and resource version: they may arrive more than once, late, in any order or
concurrently, with the same result. Each function is one statement, in its own transaction or the caller's.
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
"""Each one lost is one that another has won."""


class EventRef(NamedTuple):
    """The event that reported something."""

    source: str
    """With `id`: tells it from every other."""
    id: str
    type: str
    subject: str | None


class Applied(NamedTuple):
    """What became of a run by what was reported of it."""

    before: str | None
    """Its status; None: there is no such run."""
    after: str | None
    """Its status; None: nothing has changed."""
    doubted: bool = False
    """Whether nothing has since it contradicts an end, and only Argo can tell."""

    @property
    def ended(self) -> str | None:
        """The status it has ended with by this; None: it has not, or with the same before.

        From one end to another is an end, too: of a retry, whose beginning nobody has reported.
        """
        return self.after if self.after in TERMINAL_PHASES and self.after != self.before else None


class _Answer(NamedTuple):
    before: str
    after: str | None
    stale: bool
    """Whether nothing was changed since another was at it; to be tried again."""
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
    """Apply a workflow's state as far as it is newer than the record.

    A state without tasks says nothing about them (Argo leaves a large workflow's out of its events). What
    an event says of a run that has not ended may be lost with the server's machine: the next event says
    more, and a run that is silent is asked about.

    Args:
        conn: The connection.
        state: What to apply.
        gone: Whether it is the last, the workflow being deleted; a run that had not ended becomes Error.
        event_ref: To be remembered, where there is such a run.
        base: The state that the record probably shows: if it does, only what differs is sent there.
        believed: Whether it is Argo's own answer; an event's is not taken where it contradicts an end.

    Raises:
        DatabaseUnavailableError: others change the run without end.
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
    raise DatabaseUnavailableError(
        f"Run {state.name!r} is being changed all the time; try again in a moment."
    )


def record_absence(conn: Connection, name: str) -> Applied:
    """Record that Argo has the workflow no longer, without a last state at hand."""
    return _applied(_ask(conn, "record_absence", {"name": name}))


def record_reference(conn: Connection, name: str, *, event_ref: EventRef) -> Applied:
    """Record that there is news of a run that only Argo can tell; once for each event."""
    return _applied(_ask(conn, "record_reference", {"name": name} | _event_parameters(event_ref)))


def clear_refresh(conn: Connection, name: str) -> None:
    """Record that Argo has answered all there was to ask when `claim_refresh` undertook it."""
    conn.execute(load_queries("workflow_state")["clear_refresh"], {"name": name})


def record_stop(conn: Connection, name: str, *, reason: str | None, by: UUID | None = None) -> None:
    """Record why a run is about to be stopped; None: that it is not, or no longer.

    `by` is the user who wants that, so that the run is a cancelled one once it has ended; None: nobody does.
    """
    conn.execute(load_queries("workflow_state")["record_stop"], {"name": name, "reason": reason, "by": by})


def forget_version(conn: Connection, name: str, *, version: int) -> None:
    """Let any state be newer than the recorded one, unless that has been replaced meanwhile."""
    conn.execute(load_queries("workflow_state")["forget_version"], {"name": name, "version": version})


def request_refresh(conn: Connection, name: str) -> None:
    """Have Argo asked about a run again after a while, since something was left undone."""
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
    """Render all tasks, or those that differ from the base's."""
    if base is None or not tasks:
        return {"tasks": _as_json(tasks) if tasks else None, "base_version": None, "removed": None}
    known = {task.node_id: task for task in base.tasks}
    changed = [task for task in tasks if known.pop(task.node_id, None) != task]
    return {"tasks": _as_json(changed), "base_version": base.resource_version, "removed": list(known)}


def _as_json(tasks: Iterable[TaskState]) -> str:
    """Render tasks for `json_to_recordset`, without NUL, which PostgreSQL refuses even as an escape."""
    text = json.dumps([task._asdict() for task in tasks], ensure_ascii=False, default=str)
    return text.replace("\\u0000", "\\ufffd")
