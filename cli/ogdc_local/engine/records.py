"""Reading and writing the rows of one workflow, inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from ogdc_local.engine.nodes import Node, forgotten_by_retry, timestamp

_COLUMNS = Node._fields


class WorkflowRow(NamedTuple):
    """The columns of a workflow that change while it runs."""

    phase: str
    message: str | None = None
    progress: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    expires_at: float | None = None
    """In seconds since 1970; None means never."""


class Saved(NamedTuple):
    """An unfinished workflow as recorded."""

    uid: str
    name: str
    namespace: str
    labels: str
    """JSON."""
    spec: str
    """JSON."""
    head: WorkflowRow
    shutdown: str | None
    nodes: tuple[Node, ...]

    @property
    def manifest(self) -> dict[str, Any]:
        """The Workflow as far as a program is read from it."""
        metadata = {"name": self.name, "namespace": self.namespace, "labels": json.loads(self.labels)}
        return {"metadata": metadata, "spec": json.loads(self.spec)}


class Changes(NamedTuple):
    """Changes to one workflow by one step of the scheduler."""

    uid: str
    head: WorkflowRow
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]


def uid_of(connection: sqlite3.Connection, name: str) -> str | None:
    """Return the uid of the workflow with that name, or None."""
    row = connection.execute("SELECT uid FROM workflows WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def tick(connection: sqlite3.Connection) -> None:
    """Increment the revision, which later statements of the transaction take from `clock`."""
    connection.execute("UPDATE clock SET revision = revision + 1")


def read_nodes(connection: sqlite3.Connection, uid: str) -> Iterator[Node]:
    """Yield a workflow's nodes."""
    query = f"SELECT {', '.join(_COLUMNS)} FROM nodes WHERE uid = ?"  # noqa: S608  the names are our own
    for row in connection.execute(query, (uid,)):
        node = Node._make(row)
        yield node._replace(retried=bool(node.retried))


def write_changes(connection: sqlite3.Connection, change: Changes) -> None:
    """Record changes to a workflow; ignored if it was deleted meanwhile."""
    tick(connection)
    found = connection.execute(
        "UPDATE workflows SET phase = ?, message = ?, progress = ?, started_at = ?, finished_at = ?,"
        " expires_at = ?, revision = (SELECT revision FROM clock) WHERE uid = ?",
        (*change.head, change.uid),
    ).rowcount
    if not found:
        return
    names = ", ".join(("uid", *_COLUMNS))
    marks = ", ".join("?" * (len(_COLUMNS) + 1))
    connection.executemany(
        f"INSERT OR REPLACE INTO nodes ({names}) VALUES ({marks})",  # noqa: S608  likewise
        ((change.uid, *node) for node in change.nodes),
    )
    connection.executemany(
        "INSERT INTO edges (uid, parent, number, child)"
        " SELECT :uid, :parent, coalesce(max(number), 0) + 1, :child FROM edges"
        " WHERE uid = :uid AND parent = :parent",
        ({"uid": change.uid, "parent": parent, "child": child} for parent, child in change.edges),
    )


def reset(connection: sqlite3.Connection, uid: str) -> None:
    """Reset a failed workflow to run again: delete the nodes that did not succeed, and clear its end."""
    edges = connection.execute("SELECT parent, child FROM edges WHERE uid = ?", (uid,)).fetchall()
    gone = forgotten_by_retry(read_nodes(connection, uid), edges)
    connection.executemany("DELETE FROM nodes WHERE uid = ? AND id = ?", ((uid, node) for node in gone))
    connection.executemany(
        "DELETE FROM edges WHERE uid = ? AND parent = ? AND child = ?",
        ((uid, parent, child) for parent, child in edges if parent in gone or child in gone),
    )
    connection.execute(
        "UPDATE nodes SET phase = 'Running', message = NULL, finished_at = NULL"
        " WHERE uid = ? AND type IN ('DAG', 'TaskGroup') AND phase IN ('Failed', 'Error')",
        (uid,),
    )
    tick(connection)
    connection.execute(
        "UPDATE workflows SET phase = 'Running', message = NULL, started_at = ?, finished_at = NULL,"
        " expires_at = NULL, shutdown = NULL, revision = (SELECT revision FROM clock) WHERE uid = ?",
        (timestamp(time.time()), uid),
    )


def give_up(connection: sqlite3.Connection, uid: str, message: str) -> None:
    """End a workflow as Error, and replace invalid JSON that would keep it from being read."""
    now = timestamp(time.time())
    tick(connection)
    connection.execute(
        "UPDATE workflows SET phase = 'Error', message = ?, finished_at = ?, expires_at = NULL,"
        " revision = (SELECT revision FROM clock),"
        " labels = iif(json_valid(labels), labels, '{}'), spec = iif(json_valid(spec), spec, '{}'),"
        " annotations = iif(json_valid(annotations), annotations, '{}') WHERE uid = ?",
        (message, now, uid),
    )
    connection.execute(
        "UPDATE nodes SET inputs = iif(json_valid(inputs), inputs, NULL),"
        " outputs = iif(json_valid(outputs), outputs, NULL) WHERE uid = ?",
        (uid,),
    )
    connection.execute(
        "UPDATE nodes SET phase = 'Error', message = ?, finished_at = ?"
        " WHERE uid = ? AND phase NOT IN ('Succeeded', 'Failed', 'Error', 'Skipped', 'Omitted')",
        (message, now, uid),
    )
