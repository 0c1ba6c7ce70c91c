"""Translation of PostgreSQL's errors: unavailable, full, misconfigured, or a value that cannot be stored."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from ogdc_shared.db.pool import PoolBusyError
from ogdc_shared.errors import (
    ConfigurationError,
    DatabaseBusyError,
    DatabaseUnavailableError,
    OgdcError,
    UnstorableError,
)

_SCHEMA = (errors.UndefinedTable, errors.UndefinedColumn, errors.InsufficientPrivilege)
_VALUES = (
    psycopg.DataError,
    errors.ProgramLimitExceeded,  # too long for an index, too large for a row
    errors.StatementTooComplex,
    errors.TooManyArguments,
    errors.TooManyColumns,
)
"""Errors that recur whenever the same values are sent. Psycopg counts some as operational errors."""
_TABLE: tuple[tuple[tuple[type[psycopg.Error], ...], type[OgdcError], str], ...] = (
    (
        _VALUES,
        UnstorableError,
        "The record cannot hold what was sent: a value is too long, out of range or no value of its kind.",
    ),
    (
        _SCHEMA,
        ConfigurationError,
        "The database has not the schema this version needs ({reason}). "
        "Run `python -m ogdc_shared.db.migrate` with this version's settings.",
    ),
    ((PoolBusyError,), DatabaseBusyError, "The service is busy; try again in a moment."),
    (
        (errors.DiskFull,),
        DatabaseUnavailableError,
        "The database's disk is full, so nothing new can be recorded until its operator makes room.",
    ),
    (
        (errors.ReadOnlySqlTransaction,),
        DatabaseUnavailableError,
        "The database takes no changes just now; try again in a moment.",
    ),
    (
        (errors.QueryCanceled, errors.LockNotAvailable),
        DatabaseUnavailableError,
        "The database takes too long; try again in a moment.",
    ),
    (
        (psycopg.OperationalError, psycopg.InterfaceError),
        DatabaseUnavailableError,
        "The database does not answer; try again in a moment.",
    ),
)
"""The first match applies. An error without a match is a bug of this program.

Source: PostgreSQL documentation, appendix A (error codes); psycopg.errors (their classes).
"""

_log = logging.getLogger(__name__)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate psycopg's errors to `OgdcError`s."""
    try:
        yield
    except psycopg.Error as exc:
        error = _translated(exc)
        if error is None:
            raise
        if isinstance(error, UnstorableError):
            _log.warning("the database refuses a value: %s", exc)
        raise error from exc


def _translated(exc: psycopg.Error) -> OgdcError | None:
    for kinds, error, message in _TABLE:
        if isinstance(exc, kinds):
            return error(message.format(reason=exc.diag.message_primary))
    return None
