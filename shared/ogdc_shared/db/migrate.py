"""Bring a database to the schema this version needs."""

from __future__ import annotations

from ogdc_shared.db.database import Database


def migrate(database: Database) -> list[str]:
    """Apply the migrations that are missing, in one transaction; any number of processes may do so at once.

    Returns:
        The names of those applied now, in order.

    Raises:
        ConfigurationError: a migration that was applied has been edited since.
        DatabaseUnavailableError: PostgreSQL does not answer.
    """
    raise NotImplementedError
