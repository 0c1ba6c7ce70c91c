"""Connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection

from ogdc_shared.config import DatabaseSettings


class Database:
    """PostgreSQL as one process sees it: connections opened on first use and reused, by any thread."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection for one transaction: committed at the end, rolled back on an exception.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not answer, or went away meanwhile.
            ConfigurationError: the database has not the schema this version needs.
        """
        raise NotImplementedError
        yield

    def check(self) -> None:
        """Ask PostgreSQL for a sign of life.

        Raises:
            DatabaseUnavailableError: there is none.
        """

    def close(self) -> None:
        """Close the idle connections; the object stays usable."""
