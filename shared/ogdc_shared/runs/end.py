"""Recording the end of a run exactly once."""

from __future__ import annotations

import logging

from ogdc_shared.context import Context
from ogdc_shared.db.workflow_state import Applied
from ogdc_shared.telemetry.base import RUNS_ENDED
from ogdc_shared.webhooks.record import announce

_log = logging.getLogger(__name__)


def note_end(context: Context, name: str, applied: Applied) -> bool:
    """Log it, count it and record who is to be told, where what was reported of a run is its end.

    Returns:
        Whether somebody is to be told, which the sweep does; it also announces what a crash kept from this.
    """
    if applied.ended is None:
        return False
    _log.info("run %s ended: %s", name, applied.ended)
    context.telemetry.count(RUNS_ENDED, {"ogdc.run.status": applied.ended})
    with context.database.autocommit() as conn:
        return announce(conn, name=name, to_sink=context.settings.event_sink is not None) > 0
