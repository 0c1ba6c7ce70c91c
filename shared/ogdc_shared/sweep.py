"""The sweep: periodic reconciliation of what a crash or an outage left undone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from ogdc_shared.context import Context
from ogdc_shared.db.events import forget_events
from ogdc_shared.db.runs import (
    claim_refresh,
    expired_outputs,
    get_run,
    record_output_removed,
    runs_to_reconcile,
)
from ogdc_shared.db.submissions import unsent_runs
from ogdc_shared.errors import DatabaseUnavailableError, OgdcError
from ogdc_shared.layout import output_prefix
from ogdc_shared.processes.deploy import offer_configured
from ogdc_shared.runs.handover import ensure_handed_over, reconcile
from ogdc_shared.runs.retention import Pruning
from ogdc_shared.runs.turns import release
from ogdc_shared.telemetry.base import REMOVED
from ogdc_shared.telemetry.tracing import within
from ogdc_shared.triggers.schedule_record import forget_starts
from ogdc_shared.triggers.scheduled import start_scheduled
from ogdc_shared.triggers.uploads import resume_uploads
from ogdc_shared.webhooks.delivery import deliver_due
from ogdc_shared.webhooks.record import announce, forget_deliveries

UNSENT_SECONDS = 120.0
"""More than a submission waits for Argo, so that a sweep does not interfere with a submission under way."""

PATIENCE_SECONDS = 30.0
"""Time limit for starting with further runs, so that sweeps do not pile up while Argo hangs."""

REMOVAL_SECONDS = 10.0
"""Time limit for removing expired data; the next sweep continues."""

_ROWS = 5000
"""Rows deleted by one statement, so that it does not take long."""

_log = logging.getLogger(__name__)


class Swept(NamedTuple):
    """What a sweep did, as names of runs."""

    sent: list[str]
    """Handed over to Argo."""
    refreshed: list[str]
    """Reconciled with Argo."""
    expired: list[str]
    """With an expired temporary output that was removed."""
    triggered: list[str]
    """Started by uploads that had to wait, or by schedules."""
    notified: list[str]
    """With a delivered notification of their end."""
    removed: list[str]
    """Expired and removed."""
    left: list[str]
    """Left for the next sweep; the log says why."""


def sweep(context: Context, *, unsent_for: float = UNSENT_SECONDS) -> Swept:
    """Reconcile silent runs, hand over unsent ones, start due ones, notify of ends, remove expired data.

    Safe to call at any time, also concurrently.

    Args:
        context: The services.
        unsent_for: Seconds after which a run that Argo is not known to have counts as left over. 0 only if no
            submission can be under way, as when the local stack starts.

    Raises:
        DatabaseUnavailableError: PostgreSQL does not respond.
    """
    settings = context.settings
    with context.database.transaction() as conn:
        unsent = unsent_runs(conn, older_than=unsent_for)
        silent = runs_to_reconcile(conn, silent_for=settings.stale_seconds)
        expired = expired_outputs(conn, kept_for=settings.temporary_output_days * 86_400.0)
    work = _Sweep(context)
    refreshed = work.each(silent, work.reconcile)  # first, because runs that ended make room
    released = release(context)
    swept = Swept(
        sent=work.each(unsent + released, work.send),
        refreshed=refreshed,
        expired=work.each(expired, work.remove_output),
        triggered=work.start_triggered(),
        notified=work.announce_ends(),
        removed=work.remove_old(),
        left=work.left,
    )
    offer_configured(context)  # last, because servers of recipes may be slow
    return swept


class _Sweep:
    """A sweep; an error in one run does not affect the others."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._deadline = monotonic() + PATIENCE_SECONDS
        self.left: list[str] = []

    def each(self, names: list[str], act: Callable[[str], None]) -> list[str]:
        """Call `act` for each run, and return those for which it succeeded."""
        done: list[str] = []
        for name in names:
            (done if self._goes_well(act, name) else self.left).append(name)
        return done

    def _goes_well(self, act: Callable[[str], None], name: str) -> bool:
        if monotonic() > self._deadline:
            return False
        with within(run=name):
            try:
                act(name)
            except DatabaseUnavailableError:
                raise
            except (OgdcError, ValueError) as exc:
                _log.warning("run %s is left for the next sweep: %s", name, exc)
                return False
        return True

    def start_triggered(self) -> list[str]:
        """Start the runs that schedules and waiting uploads are due for; returns their names."""
        scheduled = start_scheduled(self._context, deadline=self._deadline)
        return scheduled + resume_uploads(self._context, deadline=self._deadline)

    def announce_ends(self) -> list[str]:
        """Announce ends that have not been, deliver due notifications, and return the notified runs."""
        with self._context.database.autocommit() as conn:
            announce(conn, to_sink=self._context.settings.event_sink is not None)
        delivered = deliver_due(self._context, deadline=self._deadline)
        self.left += delivered.refused
        return delivered.taken

    def remove_old(self) -> list[str]:
        """Remove expired data within the time limit, and return the removed runs."""
        deadline = monotonic() + REMOVAL_SECONDS
        kept = self._context.settings.retention
        for what, forget, days in (
            ("events", forget_events, kept.event_days),
            ("deliveries", forget_deliveries, kept.delivery_days),
            ("starts by the clock", forget_starts, kept.delivery_days),
        ):
            self._forget(what, forget, older_than=days * 86_400.0, deadline=deadline)
        pruning = Pruning(self._context, deadline=deadline)
        pruning.work()
        self.left += pruning.left
        return pruning.removed

    def _forget(self, what: str, forget: Callable[..., int], *, older_than: float, deadline: float) -> None:
        gone = 0
        while monotonic() < deadline:
            with self._context.database.autocommit() as conn:
                last = forget(conn, older_than=older_than, limit=_ROWS)
            gone += last
            if last < _ROWS:
                break
        if gone:
            self._context.telemetry.count(REMOVED, {"ogdc.removed.what": what}, gone)
            _log.info("removed %d %s of more than %d days ago", gone, what, older_than // 86_400)

    def send(self, name: str) -> None:
        """Hand a run over to Argo."""
        with self._context.database.autocommit() as conn:
            run = get_run(conn, name)
        ensure_handed_over(self._context, run)

    def reconcile(self, name: str) -> None:
        """Reconcile a run with Argo, unless another process is doing so."""
        with self._context.database.autocommit() as conn:
            claimed = claim_refresh(conn, name, silent_for=self._context.settings.stale_seconds)
        if claimed:
            reconcile(self._context, name)

    def remove_output(self, name: str) -> None:
        """Remove a run's output from the artifact store, and record that."""
        self._context.store.delete_prefix(output_prefix(name))
        with self._context.database.autocommit() as conn:
            record_output_removed(conn, name)
