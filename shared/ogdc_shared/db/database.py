"""Connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection
from psycopg.types.string import StrDumperUnknown

from ogdc_shared.config import DatabaseSettings
from ogdc_shared.db.pool import Pool, PoolBusyError
from ogdc_shared.errors import ConfigurationError, DatabaseBusyError, DatabaseUnavailableError

_STATEMENT_SECONDS = 30
# With these a server whose machine has vanished is noticed in half a minute instead of two hours.
_KEEPALIVES = "keepalives_idle=10 keepalives_interval=5 keepalives_count=4"


class Database:
    """PostgreSQL as one process sees it: connections made on first use and reused, by any thread."""

    def __init__(self, settings: DatabaseSettings, *, waited: Callable[[float], None] | None = None) -> None:
        """Nothing is connected yet.

        Args:
            settings: Where it is.
            waited: Told how many seconds it took to get a connection, each time.
        """
        self._settings = settings
        self._pool = Pool(self._connect, size=settings.pool_size, timeout=settings.timeout, waited=waited)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection for one transaction: committed at the end, rolled back on an exception.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer, or went away meanwhile.
            ConfigurationError: the database has not the schema this version needs.
        """
        with _translated_errors(), self._pool.lend() as conn, conn.transaction():
            yield conn

    @contextmanager
    def reader(self, *, patience: float | None = None) -> Iterator[Connection]:
        """Lend a connection on which each statement is a transaction: one read costs a third of `connection`.

        Args:
            patience: Seconds to wait while others have all connections; None: as the settings say.

        Raises:
            DatabaseBusyError: others have had all connections for that long.
            DatabaseUnavailableError: PostgreSQL does not answer, or went away meanwhile.
            ConfigurationError: the database has not the schema this version needs.
        """
        with _translated_errors(), self._pool.lend(patience=patience) as conn:
            yield conn

    def close(self) -> None:
        """Close the connections that are not in use; later uses open new ones."""
        self._pool.close()

    def _connect(self, seconds: float) -> Connection:
        settings = self._settings
        conn = psycopg.connect(
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
        conn.execute(
            "SELECT set_config('timezone', 'UTC', false), set_config('statement_timeout', %s, false)",
            (f"{_STATEMENT_SECONDS}s",),
        )
        return conn


class _TextDumper(StrDumperUnknown):
    """Sends any text: what PostgreSQL cannot hold (NUL, lone surrogates) becomes U+FFFD or `?`.

    Without it a name from a URL, or a byte in a task's last words, could fail a statement.
    """

    def dump(self, obj: str) -> bytes:
        return obj.replace("\0", "\ufffd").encode(errors="replace")


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as exc:
        raise ConfigurationError(
            f"The database has not the schema this version needs ({exc.diag.message_primary}). "
            "Run `python -m ogdc_shared.db.migrate` with this version's settings."
        ) from exc
    except PoolBusyError as exc:
        raise DatabaseBusyError("The service is busy; try again in a moment.") from exc
    except (psycopg.OperationalError, psycopg.InterfaceError) as exc:
        raise DatabaseUnavailableError("The database does not answer; try again in a moment.") from exc
