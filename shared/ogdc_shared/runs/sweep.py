"""The sweep finishes what a crash, or a part that was away, left undone; run every minute and at a start."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from ogdc_shared.context import Context
from ogdc_shared.db.events import forget_events
from ogdc_shared.db.runs import claim_refresh, get_run, unheard_runs
from ogdc_shared.db.submissions import unsent_runs
from ogdc_shared.errors import DatabaseUnavailableError, OgdcError
from ogdc_shared.runs.handover import ensure_handed_over, refresh

UNSENT_SECONDS = 120.0
"""Longer than a submission waits for Argo, so that a sweep does not meet one that is under way."""

EVENTS_KEPT_SECONDS = 7 * 86_400.0
"""Longer than anything repeats an event; were one repeated later, its resource version would give it away."""

PATIENCE_SECONDS = 30.0
"""After this no further run is begun, so that sweeps do not pile up while Argo hangs."""

_log = logging.getLogger(__name__)


class Swept(NamedTuple):
    """What a sweep did: names of runs."""

    sent: list[str]
    """Handed to Argo."""
    refreshed: list[str]
    """Asked about at Argo."""
    left: list[str]
    """Left for the next sweep; the log says why."""


def sweep(context: Context, *, unsent_for: float = UNSENT_SECONDS) -> Swept:
    """Send the runs that did not get to Argo, and ask about the unfinished ones that have been silent.

    Safe at any time, also for several at once.

    Args:
        context: Where everything is.
        unsent_for: Seconds after which a run that is not known to be at Argo counts as left over; 0 only
            where no submission can be under way, as when the local stack starts.

    Raises:
        DatabaseUnavailableError: PostgreSQL does not answer.
    """
    silent_for = context.settings.stale_seconds
    with context.database.connection() as conn:
        forget_events(conn, older_than=EVENTS_KEPT_SECONDS)
        unsent = unsent_runs(conn, older_than=unsent_for)
        unheard = unheard_runs(conn, silent_for=silent_for)
    deadline = monotonic() + PATIENCE_SECONDS
    sent, unsent_left = _each(unsent, _send, context=context, deadline=deadline)
    refreshed, unheard_left = _each(unheard, _ask, context=context, deadline=deadline)
    return Swept(sent=sent, refreshed=refreshed, left=unsent_left + unheard_left)


def _each(
    names: list[str], act: Callable[[Context, str], None], *, context: Context, deadline: float
) -> tuple[list[str], list[str]]:
    """Act on each run; one that fails keeps no other waiting. Returns those done and those left."""
    done: list[str] = []
    for name in names:
        if monotonic() > deadline:
            break
        try:
            act(context, name)
            done.append(name)
        except DatabaseUnavailableError:
            raise
        except (OgdcError, ValueError) as exc:
            _log.warning("run %s is left for the next sweep: %s", name, exc)
    return done, [name for name in names if name not in done]


def _send(context: Context, name: str) -> None:
    with context.database.reader() as conn:
        run = get_run(conn, name)
    ensure_handed_over(context, run)


def _ask(context: Context, name: str) -> None:
    with context.database.reader() as conn:
        claimed = claim_refresh(conn, name, silent_for=context.settings.stale_seconds)
    if claimed:
        refresh(context, name)
