"""A PostgreSQL server for the tests: real, private, gone when they end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from ogdc_local.stack.binaries import find_binaries
from ogdc_local.stack.postgres import DATABASE, USER, Postgres
from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db.database import Database

_TEMPLATE = "migrated"


class PostgresServer:
    """A server below `directory`, which has to be short: its path becomes part of a socket's name."""

    def __init__(self, directory: Path) -> None:
        self._socket_dir = directory / "socket"
        self._socket_dir.mkdir(mode=0o700)
        binaries = find_binaries(lambda major: directory / f"pg-{major}", os.environ)
        self._postgres = Postgres(
            binaries=binaries, data=directory / "data", socket_dir=self._socket_dir, log=directory / "log"
        )
        self._made = 0

    def start(self) -> None:
        self._postgres.start()
        self._execute(sql.SQL("ALTER SYSTEM SET fsync = off"), sql.SQL("SELECT pg_reload_conf()"))

    def stop(self) -> None:
        self._postgres.stop()

    def kill(self) -> None:
        """Kill the server's main process (-9) and wait until it is dead."""
        pid = self._postgres.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while self._postgres.running:
            time.sleep(0.005)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have no process of the server do anything for a while; its socket still takes connections."""
        first = self._postgres.pid
        assert first is not None
        os.kill(
            first, signal.SIGSTOP
        )  # from here on it neither starts processes nor takes notice of their end
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        for child in map(int, children):
            os.kill(child, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in (*map(int, children), first):
                os.kill(process, signal.SIGCONT)

    def settings(self, name: str = DATABASE) -> DatabaseSettings:
        return DatabaseSettings(host=str(self._socket_dir), name=name, user=USER)

    def make_template(self) -> DatabaseSettings:
        """Make the database that `copy_template` copies; to be migrated by the caller."""
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_TEMPLATE)))
        return self.settings(_TEMPLATE)

    def make_database(self, *, template: str = _TEMPLATE, encoding: str = "UTF8") -> DatabaseSettings:
        """Make a database of the test's own."""
        self._made += 1
        name = f"test_{self._made}"
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING {}")
        self._execute(create.format(sql.Identifier(name), sql.Identifier(template), encoding))
        return self.settings(name)

    def drop_database(self, settings: DatabaseSettings) -> None:
        assert settings.name is not None
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(settings.name)))

    def _execute(self, *statements: sql.SQL | sql.Composed) -> None:
        admin = self.settings()
        with psycopg.connect(host=admin.host, dbname=admin.name, user=admin.user, autocommit=True) as conn:
            for statement in statements:
                conn.execute(statement)


def wait_for_a_waiting_statement(database: Database) -> None:
    """Wait until a statement of somebody else waits for a lock."""
    deadline = time.monotonic() + 300
    query = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while True:
        with database.autocommit() as conn:
            if conn.execute(query).rowcount > 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)
