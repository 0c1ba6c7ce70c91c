"""The end of a run, told once by whoever hears of it first."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import Connection

from ogdc_shared.argo.state import TERMINAL_PHASES
from ogdc_shared.context import Context
from ogdc_shared.db.runs import lock_status
from ogdc_shared.telemetry import RUNS_ENDED

_log = logging.getLogger(__name__)


@contextmanager
def transaction_on(context: Context, name: str, *, may_end: bool) -> Iterator[Connection]:
    """Lend a connection as `Database.connection` does, and log and count it where that ends a run.

    Args:
        context: Where the record is.
        name: The run's.
        may_end: Whether it can come to that; if not, nothing more is asked.
    """
    status = None
    with context.database.connection() as conn:
        going_on = may_end and lock_status(conn, name) not in {None, *TERMINAL_PHASES}
        yield conn
        if going_on:
            status = lock_status(conn, name)
    if status in TERMINAL_PHASES:
        _log.info("run %s ended: %s", name, status)
        context.telemetry.count(RUNS_ENDED, {"ogdc.run.status": status})
