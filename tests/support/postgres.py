"""A private PostgreSQL server for the tests, which is removed when they end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from ogdc_local.stack.binaries import find_binaries
from ogdc_local.stack.lock import is_alive
from ogdc_local.stack.postgres import DATABASE, USER, Postgres
from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db.database import Database

_TEMPLATE = "migrated"
EMPTYING = "emptying"
"""Name of the connection by which a reused database is emptied, which is open during the tests, too."""
_MAX_USED = 256 << 10
"""Maximum bytes of a table in a reused database; a larger one would affect the plans of queries."""
_FORM = """
SELECT md5(
    string_agg(concat_ws(' ', relname, relkind, attname, atttypid, attnotnull), ',' ORDER BY relname, attnum)
    || (SELECT string_agg(migrations::text, ',' ORDER BY migrations::text) FROM migrations)
)
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped
"""
_TABLES = """
SELECT relname, pg_table_size(oid) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND relname <> 'migrations'
"""
_OTHERS = """
SELECT bool_and(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class PostgresServer:
    """A server below `directory`. Its path must be short, because it is part of the socket's path."""

    def __init__(self, directory: Path) -> None:
        self._socket_dir = directory / "socket"
        self._socket_dir.mkdir(mode=0o700)
        binaries = find_binaries(lambda major: directory / f"pg-{major}", os.environ)
        self._postgres = Postgres(
            binaries=binaries, data=directory / "data", socket_dir=self._socket_dir, log=directory / "log"
        )
        self._made = 0
        self._emptied: list[DatabaseSettings] = []
        self._emptying: dict[str, psycopg.Connection] = {}
        self._form = ""

    @property
    def pid(self) -> int:
        """Id of the main process."""
        assert self._postgres.pid is not None
        return self._postgres.pid

    def start(self) -> None:
        self._postgres.start()
        for setting in ("fsync", "autovacuum"):
            self._execute(sql.SQL(f"ALTER SYSTEM SET {setting} = off"))
        self._execute(sql.SQL("SELECT pg_reload_conf()"))

    def stop(self) -> None:
        for conn in self._emptying.values():
            conn.close()
        self._emptying.clear()
        self._postgres.stop()

    def kill(self) -> None:
        """Kill the server's main process (-9) and wait until all its processes are dead.

        Its other processes answer queries until they notice.
        """
        processes = [self.pid, *_children(self.pid)]
        os.kill(self.pid, signal.SIGKILL)
        while self._postgres.running or any(is_alive(process) for process in processes):
            time.sleep(0.005)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all processes of the server for a while; its socket still accepts connections."""
        first = self.pid
        os.kill(first, signal.SIGSTOP)  # so that it neither starts processes nor notices their end
        children = _children(first)
        for child in children:
            os.kill(child, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in (*children, first):
                os.kill(process, signal.SIGCONT)

    def settings(self, name: str = DATABASE) -> DatabaseSettings:
        return DatabaseSettings(host=str(self._socket_dir), name=name, user=USER)

    def make_template(self) -> DatabaseSettings:
        """Create the database that `copy_template` copies, for the caller to migrate."""
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
        return self.settings(_TEMPLATE)

    def make_database(self, *, template: str = _TEMPLATE, encoding: str = "UTF8") -> DatabaseSettings:
        """Create a database for one test."""
        self._made += 1
        name = f"test_{self._made}"
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING {}")
        self._execute(create.format(sql.Identifier(name), sql.Identifier(template), encoding))
        return self.settings(name)

    def drop_database(self, settings: DatabaseSettings) -> None:
        assert settings.name is not None
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(settings.name)))

    def lend_database(self) -> DatabaseSettings:
        """Return a migrated and empty database: one that was given back, or a new one."""
        return self._emptied.pop() if self._emptied else self.make_database()

    def take_back(self, settings: DatabaseSettings) -> None:
        """Empty a database for the next to be lent it; one that is not as it was is dropped.

        Copying and dropping one takes ten times as long. The connection stays open for the next time, because
        a new one, which has to read the catalogue, takes five times as much of the processor as emptying.
        """
        assert settings.name is not None
        if self._is_emptied(settings) or self._is_emptied(settings):  # the test may have ended the connection
            self._emptied.append(settings)
        else:
            self.drop_database(settings)

    def _is_emptied(self, settings: DatabaseSettings) -> bool:
        assert settings.name is not None
        conn = self._emptying.pop(settings.name, None)
        try:
            conn = conn or self._connected(settings, application_name=EMPTYING)
            is_emptied = _empty(conn, form=self._form_of_template())
        except psycopg.Error:
            is_emptied = False
        if is_emptied and conn is not None:
            self._emptying[settings.name] = conn
        elif conn is not None:
            conn.close()
        return is_emptied

    def _form_of_template(self) -> str:
        if not self._form:
            with self._connected(self.settings(_TEMPLATE)) as conn:
                self._form = _only(conn, _FORM)
        return self._form

    def _connected(
        self, settings: DatabaseSettings, application_name: str | None = None
    ) -> psycopg.Connection:
        return psycopg.connect(
            host=settings.host,
            dbname=settings.name,
            user=settings.user,
            application_name=application_name,
            autocommit=True,
        )

    def _execute(self, *statements: sql.SQL | sql.Composed) -> None:
        with self._connected(self.settings()) as conn:
            for statement in statements:
                conn.execute(statement)


def _empty(conn: psycopg.Connection, *, form: str) -> bool:
    """Delete all rows, and return whether the database can be reused: not if tables changed or are large."""
    sizes: dict[str, int] = dict(conn.execute(_TABLES).fetchall())
    if _only(conn, _OTHERS) is False or _only(conn, _FORM) != form or max(sizes.values()) > _MAX_USED:
        return False
    conn.execute("SET session_replication_role = replica")  # the tables refer to each other
    for name in sizes:
        conn.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
    return True


def _only(conn: psycopg.Connection, query: LiteralString) -> Any:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]


def wait_for_a_waiting_statement(database: Database) -> None:
    """Wait until a statement of another connection waits for a lock."""
    deadline = time.monotonic() + 300
    query = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while True:
        with database.autocommit() as conn:
            if conn.execute(query).rowcount > 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)
