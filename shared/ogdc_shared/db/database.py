"""Connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from psycopg.types.string import StrDumperUnknown

from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db.connection import STATEMENT_SECONDS, LimitedConnection
from ogdc_shared.db.failures import translated_errors
from ogdc_shared.db.pool import Pool

# With these, the loss of a server's machine is detected in half a minute instead of two hours.
_KEEPALIVES = "keepalives_idle=10 keepalives_interval=5 keepalives_count=4"


class Database:
    """The database of one process. Connections are opened on first use and shared between threads."""

    def __init__(self, settings: DatabaseSettings, *, on_wait: Callable[[float], None] | None = None) -> None:
        """Store the settings; no connection is opened yet.

        Args:
            settings: Address and credentials.
            on_wait: Called with the seconds that it took to get a connection, each time.
        """
        self._settings = settings
        self._pool = Pool(self._connect, size=settings.pool_size, timeout=settings.timeout, on_wait=on_wait)

    @contextmanager
    def transaction(self) -> Iterator[LimitedConnection]:
        """Lend a connection for one transaction: committed at the end, rolled back on an exception.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not respond, or the connection broke.
            UnstorableError: a value cannot be stored.
            ConfigurationError: the database does not have the schema that this version needs.
        """
        with translated_errors(), self._pool.lend() as conn, conn.transaction():
            yield conn

    @contextmanager
    def autocommit(self, *, patience: float | None = None) -> Iterator[LimitedConnection]:
        """Lend a connection that commits each statement. A single read costs a third of `transaction`.

        Args:
            patience: Seconds to wait for a free connection, or None for the configured time.

        Raises:
            DatabaseBusyError: no connection became free in that time.
            DatabaseUnavailableError: PostgreSQL does not respond, or the connection broke.
            UnstorableError: a value cannot be stored.
            ConfigurationError: the database does not have the schema that this version needs.
        """
        with translated_errors(), self._pool.lend(patience=patience) as conn:
            yield conn

    def close(self) -> None:
        """Close all idle connections; later calls open new ones."""
        self._pool.close()

    def _connect(self, seconds: float) -> LimitedConnection:
        settings = self._settings
        conn = LimitedConnection.connect(
            f"fallback_application_name=ogdc-runner {_KEEPALIVES}",
            host=settings.host,
            port=settings.port,
            dbname=settings.name,
            user=settings.user,
            password=settings.password,
            connect_timeout=max(1, round(seconds)),
            autocommit=True,
        )
        conn.adapters.register_dumper(str, _TextDumper)
        # JIT is off: the planner may expect millions of rows and compile a statement that then finds none.
        conn.execute(
            "SELECT set_config('timezone', 'UTC', false), set_config('jit', 'off', false),"
            " set_config('statement_timeout', %s, false)",
            (f"{STATEMENT_SECONDS}s",),
        )
        return conn


class _TextDumper(StrDumperUnknown):
    """Makes any text storable: NUL becomes U+FFFD, lone surrogates become `?`.

    Otherwise a name from a URL, or a byte in a task's termination message, could fail a statement.
    """

    def dump(self, obj: str) -> bytes:
        return obj.replace("\0", "\ufffd").encode(errors="replace")
