"""Queueing of runs, in deployments that limit concurrent work (docs/decisions/0044-*).

A queued run exists only in the record. Whoever frees capacity releases the next runs, then hands them over
like any submission. The sweep completes what a crash left in between.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from ogdc_shared.context import Context
from ogdc_shared.db import queue
from ogdc_shared.db.queue import Place
from ogdc_shared.db.runs import Run, get_run
from ogdc_shared.errors import OgdcError
from ogdc_shared.runs.handover import ensure_handed_over
from ogdc_shared.telemetry.tracing import within

_log = logging.getLogger(__name__)


def release(context: Context) -> list[str]:
    """Release the runs for which there is room; returns their names, for the handover."""
    with context.database.transaction() as conn:
        return queue.release(conn, context.settings.queue)


def hand_over_released(context: Context, names: Iterable[str]) -> None:
    """Hand released runs over to Argo; the sweep repeats failed handovers."""
    for name in names:
        with within(run=name):
            try:
                with context.database.autocommit() as conn:
                    run = get_run(conn, name)
                ensure_handed_over(context, run)
            except OgdcError as exc:
                _log.warning("run %s has its turn, and is left to the sweep: %s", name, exc)


def start_next(context: Context) -> None:
    """Release and hand over runs for which there may be room now, if there are limits."""
    if context.settings.queue.is_bounded:
        hand_over_released(context, release(context))


def anybody_waits(context: Context) -> bool:
    """Whether any run is queued; False without a query if there are no limits."""
    if not context.settings.queue.is_bounded:
        return False
    with context.database.autocommit() as conn:
        return queue.anybody_waits(conn)


def with_turns(context: Context, runs: Sequence[Run]) -> list[Run]:
    """Set the message of queued runs to what they wait for; needs one query for all of them."""
    waiting = [run.name for run in runs if run.waits]
    if not waiting:
        return [*runs]
    with context.database.autocommit() as conn:
        places = context.queue_order.of(conn, waiting, context.settings.queue)
    return [
        run._replace(message=_waits_for(context, places[run.name])) if run.name in places else run
        for run in runs
    ]


def _waits_for(context: Context, place: Place) -> str:
    bounds = context.settings.queue
    if not bounds.is_bounded:
        return "Waits to be started."
    if place.held:
        return f"Waits for a run of its user to end: at most {bounds.user_runs} of one user run at a time."
    before = (
        f"for {place.before} run{'' if place.before == 1 else 's'} before it" if place.before else "for room"
    )
    what = f"{bounds.tasks} tasks" if place.tasks_alone or not bounds.runs else str(bounds.runs)
    return f"Waits {before}: at most {what} run at a time."
