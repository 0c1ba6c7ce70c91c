"""The table of processes and their descriptions.

Each function is a step inside the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import class_row
from psycopg.types.json import Json

from ogdc_shared.db.queries import load_queries
from ogdc_shared.errors import ProcessExistsError, UnknownProcessError


class Process(NamedTuple):
    """A recipe that is offered."""

    id: str
    """The recipe's."""
    snapshot: str
    """SHA-256 (hex) of its bundle, which the artifact store has."""
    description: dict[str, Any]
    """See `processes.description`."""
    owner_id: UUID | None
    """The user who deployed the process, or None if it comes from a setting."""
    owner: str | None
    deployed_at: datetime

    @property
    def version(self) -> str:
        """Differs for each version of the recipe's content."""
        return self.snapshot[:12]


class NewProcess(NamedTuple):
    """The data of a process to record."""

    id: str
    snapshot: str
    description: dict[str, Any]
    owner: UUID | None = None
    """The user who deploys it, or None if a setting names its recipe, which is at `location`."""
    location: str | None = None


def list_processes(conn: Connection, *, after: str | None, limit: int) -> list[Process]:
    """Read some processes in the order of their ids, those after one that need not be there."""
    return _select(conn, "where_page", {"after": after, "limit": limit}).fetchall()


def get_process(conn: Connection, process_id: str) -> Process:
    """Read a process.

    Raises:
        UnknownProcessError: there is no process of that id.
    """
    found = _select(conn, "where_id", {"id": process_id}).fetchone()
    if found is None:
        raise UnknownProcessError(process_id)
    return found


def add_process(conn: Connection, new: NewProcess) -> Process:
    """Record a process.

    Raises:
        ProcessExistsError: there is one of that id.
    """
    if not _changes(conn, "insert_process", new):
        raise ProcessExistsError(
            f"The process {new.id!r} is deployed already; replace it, or undeploy it first."
        )
    return get_process(conn, new.id)


def replace_process(conn: Connection, new: NewProcess) -> None:
    """Replace the content of a process; its owner stays the same."""
    _changes(conn, "replace_process", new)


def remove_process(conn: Connection, process_id: str) -> None:
    """Forget a process; its jobs stay."""
    conn.execute(load_queries("processes")["remove_process"], {"id": process_id})


def offer_process(conn: Connection, new: NewProcess) -> bool:
    """Record a process from a setting; return False if a user has deployed one of the same id."""
    return _changes(conn, "offer_process", new)


def withdraw_processes(conn: Connection, *, locations: list[str]) -> None:
    """Delete the processes from settings whose location is not among the ones given."""
    conn.execute(load_queries("processes")["withdraw_processes"], {"locations": locations})


def _select(conn: Connection, where: str, parameters: dict[str, Any]) -> Cursor[Process]:
    queries = load_queries("processes")
    cursor = conn.cursor(row_factory=class_row(Process))
    return cursor.execute(queries["select_processes"] + b"\n" + queries[where], parameters)


def _changes(conn: Connection, query: str, new: NewProcess) -> bool:
    parameters = new._asdict() | {"description": Json(new.description)}
    return conn.execute(load_queries("processes")[query], parameters).rowcount == 1
