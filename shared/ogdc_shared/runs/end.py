"""The end of a run, logged once by whoever records it first."""

from __future__ import annotations

import logging

from ogdc_shared.context import Context
from ogdc_shared.db.workflow_state import Applied
from ogdc_shared.telemetry.base import RUNS_ENDED

_log = logging.getLogger(__name__)


def log_end(context: Context, name: str, applied: Applied) -> None:
    """Log and count it where what was reported of a run is its end."""
    if applied.ended is not None:
        _log.info("run %s ended: %s", name, applied.ended)
        context.telemetry.count(RUNS_ENDED, {"ogdc.run.status": applied.ended})
