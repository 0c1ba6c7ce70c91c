"""Recording the end of a run exactly once."""

from __future__ import annotations

import logging

from ogdc_shared.context import Context
from ogdc_shared.db.workflow_state import Applied
from ogdc_shared.telemetry.base import RUNS_ENDED
from ogdc_shared.webhooks.record import announce

_log = logging.getLogger(__name__)


def note_end(context: Context, name: str, applied: Applied) -> bool:
    """If a report ended a run: log and count the end, and record notifications about it.

    Returns:
        Whether there are notifications to deliver. The sweep delivers them, and also those of ends that a
        crash kept from being recorded here.
    """
    if applied.ended is None:
        return False
    _log.info("run %s ended: %s", name, applied.ended)
    context.telemetry.count(RUNS_ENDED, {"ogdc.run.status": applied.ended})
    with context.database.autocommit() as conn:
        return announce(conn, name=name, to_sink=context.settings.event_sink is not None) > 0
