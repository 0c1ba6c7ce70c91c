"""The engine's state in SQLite: workflows, their nodes, and undelivered deletions.

One file in WAL mode, so that readers never wait, with one writing connection behind a lock. A transition
writes the rows that it changes and the workflow's own row, never the whole object. A commit is on disk when
it returns, except if it only changes progress.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any

import msgspec

from ogdc_local.engine.json_request import storable
from ogdc_local.engine.nodes import timestamp
from ogdc_local.engine.records import (
    Changes,
    Saved,
    WorkflowRow,
    give_up,
    read_nodes,
    reset,
    tick,
    uid_of,
    write_changes,
)
from ogdc_local.errors import DamagedStateError
from ogdc_shared.errors import ConfigurationError, ConflictError, OgdcError
from ogdc_shared.phases import FAILED_PHASES

_VERSION = 1
_HERE = Path(__file__).parent
_BUSY_SECONDS = 10.0
_CHECKED_BYTES = 64 * 1024 * 1024
_LOST = "runs that have not ended, and the logs and retries of others; the record of runs stays"


class WorkflowExistsError(ConflictError):
    """There is already a workflow with that name."""


class WorkflowStateError(ConflictError):
    """The operation is not allowed in the workflow's phase."""


def is_away(error: Exception) -> bool:
    """Whether the database as a whole could not be used, so that the error is not about one workflow."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


class Change(Enum):
    """What happened to a workflow."""

    MADE = "made"
    WENT_ON = "went on"
    TURNED = "turned"
    """It ended, was retried or is being stopped: changes that clients may be waiting for."""
    DELETED = "deleted"


@contextmanager
def _closed_on_failure(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


class Store:
    """The engine's state; thread-safe."""

    def __init__(self, path: Path, *, on_change: Callable[[str, Change], None]) -> None:
        """Open the file; create it unless it exists.

        Args:
            path: The database file.
            on_change: Called with a workflow's uid after each commit that changed it, in the same thread.

        Raises:
            ConfigurationError: the file was written by an incompatible version.
        """
        self._path = path
        self._on_change = on_change
        self._lock = threading.Lock()
        self._readers: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._document = (_HERE / "document.sql").read_text()
        self._is_lasting = True
        """Whether the writing connection waits for the disk at each commit, as a new connection does."""
        try:
            self._writer = self._connect()
            with _closed_on_failure(self._writer):
                self._prepare()
        except sqlite3.DatabaseError as exc:
            if isinstance(exc, sqlite3.OperationalError):
                raise OgdcError(f"{path} cannot be opened: {exc}.") from exc
            raise DamagedStateError(path, reason=str(exc), lost=_LOST) from exc

    def close(self) -> None:
        """Close all connections; no method may be called afterwards."""
        self._writer.close()
        while True:
            try:
                self._readers.get_nowait().close()
            except Empty:
                return

    # --- reading --------------------------------------------------------------------------------------------

    def document(self, name: str) -> str | None:
        """Return the workflow with that name as JSON, or None."""
        document: str | None = self._one(f"{self._document} WHERE w.name = ?", name)
        return document

    def object(self, uid: str) -> tuple[str, str] | None:
        """Return name and JSON of a workflow; None if it was deleted."""
        name = self._one("SELECT name FROM workflows WHERE uid = ?", uid)
        body = self._one(f"{self._document} WHERE w.uid = ?", uid)
        return None if name is None or body is None else (name, body)

    def deleted_object(self, uid: str) -> tuple[str, str] | None:
        """Return name and last JSON of a deleted workflow; None once that was delivered."""
        with self._reader() as connection:
            found: tuple[str, str] | None = connection.execute(
                "SELECT name, body FROM deletions WHERE uid = ?", (uid,)
            ).fetchone()
        return found

    def names(self) -> list[str]:
        """Return the names of all workflows, newest first."""
        with self._reader() as connection:
            rows = connection.execute("SELECT name FROM workflows ORDER BY created_at DESC, name")
            return [name for (name,) in rows]

    def uids(self) -> list[str]:
        """Return the uids of all workflows, oldest first."""
        with self._reader() as connection:
            return [uid for (uid,) in connection.execute("SELECT uid FROM workflows ORDER BY created_at")]

    def unfinished(self) -> list[str]:
        """Return the uids of all unfinished workflows, oldest first."""
        query = "SELECT uid FROM workflows WHERE finished_at IS NULL ORDER BY created_at"
        with self._reader() as connection:
            return [uid for (uid,) in connection.execute(query)]

    def expired(self, now: float) -> list[str]:
        """Return the names of expired workflows."""
        query = "SELECT name FROM workflows WHERE expires_at <= ? ORDER BY expires_at"
        with self._reader() as connection:
            return [name for (name,) in connection.execute(query, (now,))]

    def next_expiry(self) -> float | None:
        """Return when the next workflow expires, in seconds since 1970, or None."""
        expiry: float | None = self._one("SELECT min(expires_at) FROM workflows WHERE expires_at IS NOT NULL")
        return expiry

    def pods(self, name: str) -> list[tuple[str, str, str]] | None:
        """Return (id, name, template) of a workflow's pods in order of start; None if it does not exist."""
        with self._reader() as connection:
            found = connection.execute("SELECT uid FROM workflows WHERE name = ?", (name,)).fetchone()
            if found is None:
                return None
            return connection.execute(
                "SELECT id, name, template FROM nodes WHERE uid = ? AND type = 'Pod'"
                " ORDER BY started_at, name",
                found,
            ).fetchall()

    def goes_on(self, uid: str) -> bool:
        """Whether a workflow exists, has not ended, and is not being stopped."""
        query = "SELECT 1 FROM workflows WHERE uid = ? AND finished_at IS NULL AND shutdown IS NULL"
        return self._one(query, uid) is not None

    def load(self, uid: str) -> Saved | None:
        """Read an unfinished workflow; None if it was deleted or has ended."""
        with self._reader() as connection:
            row = connection.execute(
                "SELECT name, namespace, labels, spec, shutdown,"
                " phase, message, progress, started_at, finished_at, expires_at"
                " FROM workflows WHERE uid = ? AND finished_at IS NULL",
                (uid,),
            ).fetchone()
            if row is None:
                return None
            name, namespace, labels, spec, shutdown, *head = row
            return Saved(
                uid=uid,
                name=name,
                namespace=namespace,
                labels=labels,
                spec=spec,
                head=WorkflowRow(*head),
                shutdown=shutdown,
                nodes=tuple(read_nodes(connection, uid)),
            )

    def deleted(self) -> list[str]:
        """Return the uids of deleted workflows with an undelivered event."""
        with self._reader() as connection:
            return [uid for (uid,) in connection.execute("SELECT uid FROM deletions")]

    # --- writing --------------------------------------------------------------------------------------------

    def create(
        self, manifest: dict[str, Any], *, namespace: str, first: Changes | None = None
    ) -> tuple[str, str]:
        """Record a new workflow, and its first changes with it; return its uid and its JSON without them.

        Raises:
            WorkflowExistsError: there is already one with that name.
        """
        metadata = manifest["metadata"]
        uid = first.uid if first else str(uuid.uuid4())
        now = timestamp(time.time())
        parts = (metadata.get("labels") or {}, metadata.get("annotations") or {}, manifest["spec"])
        jsons = [msgspec.json.encode(part).decode() for part in parts]
        try:
            with self._transaction() as connection:
                tick(connection)
                connection.execute(
                    "INSERT INTO workflows"
                    " (uid, name, namespace, created_at, labels, annotations, spec, phase, revision)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, 'Pending', (SELECT revision FROM clock))",
                    (uid, metadata["name"], namespace, now, *jsons),
                )
                (document,) = connection.execute(f"{self._document} WHERE w.uid = ?", (uid,)).fetchone()
                if first is not None:
                    write_changes(connection, first)
        except sqlite3.IntegrityError as exc:
            raise WorkflowExistsError(f'workflows.argoproj.io "{metadata["name"]}" already exists') from exc
        self._on_change(uid, Change.MADE)
        return uid, document

    def save(self, batch: Iterable[Changes], *, lasting: bool = True) -> None:
        """Record a batch of changes atomically; changes to deleted workflows are ignored.

        Args:
            batch: The changes.
            lasting: False if losing them in a crash of the machine (not of the process) is acceptable.
        """
        changes = list(batch)
        with self._transaction(lasting=lasting) as connection:
            for change in changes:
                write_changes(connection, change)
        for change in changes:
            self._on_change(change.uid, Change.TURNED if change.head.finished_at else Change.WENT_ON)

    def give_up(self, uid: str, message: str) -> None:
        """End a workflow as Error, even if what was recorded of it is invalid."""
        with self._transaction() as connection:
            give_up(connection, uid, storable(message))
        self._on_change(uid, Change.TURNED)

    def shut_down(self, name: str, strategy: str) -> str | None:
        """Record that a workflow has to end (`Terminate`, `Stop`); returns its uid, or None.

        Raises:
            WorkflowStateError: it has already ended.
        """
        with self._transaction() as connection:
            uid = uid_of(connection, name)
            if uid is None:
                return None
            tick(connection)
            changed = connection.execute(
                "UPDATE workflows SET shutdown = ?, revision = (SELECT revision FROM clock)"
                " WHERE uid = ? AND finished_at IS NULL",
                (strategy, uid),
            ).rowcount
            if not changed:
                raise WorkflowStateError(f'cannot shutdown a completed workflow: workflow: "{name}"')
        self._on_change(uid, Change.TURNED)
        return uid

    def retry(self, name: str) -> str | None:
        """Reset a failed workflow to run again from what did not succeed; returns its uid, or None.

        Raises:
            WorkflowStateError: it has not failed.
        """
        with self._transaction() as connection:
            uid = uid_of(connection, name)
            if uid is None:
                return None
            (phase,) = connection.execute("SELECT phase FROM workflows WHERE uid = ?", (uid,)).fetchone()
            if phase not in FAILED_PHASES:
                raise WorkflowStateError(f"Cannot retry a workflow in phase {phase}")
            reset(connection, uid)
        self._on_change(uid, Change.TURNED)
        return uid

    def delete(self, name: str) -> str | None:
        """Delete a workflow; its last object is kept until the event about that is delivered.

        Returns:
            Its uid, or None if there is none.
        """
        with self._transaction() as connection:
            uid = uid_of(connection, name)
            if uid is None:
                return None
            tick(connection)
            connection.execute(
                "UPDATE workflows SET revision = (SELECT revision FROM clock) WHERE uid = ?", (uid,)
            )
            (body,) = connection.execute(f"{self._document} WHERE w.uid = ?", (uid,)).fetchone()
            connection.execute("INSERT INTO deletions VALUES (?, ?, ?)", (uid, name, body))
            connection.execute("DELETE FROM workflows WHERE uid = ?", (uid,))
        self._on_change(uid, Change.DELETED)
        return uid

    def forget_deletion(self, uid: str) -> None:
        """Record that the event about a deletion was delivered."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM deletions WHERE uid = ?", (uid,))

    # --- connections ----------------------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        with _closed_on_failure(connection):
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _prepare(self) -> None:
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._check()
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        if version == 0:
            schema = (_HERE / "schema.sql").read_text()
            self._writer.executescript(f"BEGIN;\n{schema}\nPRAGMA user_version = {_VERSION};\nCOMMIT;")
        elif version != _VERSION:
            raise ConfigurationError(
                f"{self._path} was written by another version of ogdc-runner (format {version}, this one has "
                f"{_VERSION}). Use that version, or move the file away to begin anew."
            )

    def _check(self) -> None:
        """Check a file of moderate size, which takes milliseconds; others show damage when read."""
        if self._path.stat().st_size < _CHECKED_BYTES:
            (verdict,) = self._writer.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)

    def _one(self, query: str, *parameters: str) -> Any:
        with self._lent() as connection:
            rows = connection.execute(query, parameters).fetchall()
        return rows[0][0] if rows else None

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for reading one consistent state with several statements."""
        with self._lent() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection; each statement reads a state of its own, and all its rows have to be fetched."""
        try:
            connection = self._readers.get_nowait()
        except Empty:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._readers.put(connection)

    @contextmanager
    def _transaction(self, *, lasting: bool = True) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if lasting is not self._is_lasting:
                self._writer.execute(f"PRAGMA synchronous = {'FULL' if lasting else 'NORMAL'}")
                self._is_lasting = lasting
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
