"""Removing expired data of runs that have ended, according to the settings.

It works in small steps and may stop after any of them: runs being removed are marked, and found again by the
next sweep. Objects are removed before the rows that refer to them, so that none are orphaned.
"""

from __future__ import annotations

import logging
from collections import Counter
from time import monotonic

from ogdc_shared.context import Context
from ogdc_shared.db.audit import Action, record_act
from ogdc_shared.db.retention import (
    LOGS,
    RUN,
    TASKS,
    Removal,
    mark_of_next_recipe,
    marked_runs,
    record_removed,
    record_taken,
    remove_run,
    remove_tasks,
    runs_taking,
    stages_of,
)
from ogdc_shared.errors import DatabaseUnavailableError, OgdcError
from ogdc_shared.layout import PROCESS, facts_prefix, logs_prefix, run_prefix, stage_of
from ogdc_shared.runs.taken import taken_from
from ogdc_shared.telemetry.base import REMOVED
from ogdc_shared.telemetry.tracing import within

AGAIN_SECONDS = 3600.0
"""Interval after which a recipe's runs are checked again."""
_RUNS, _TASKS = 100, 5000
"""Batch sizes."""

_log = logging.getLogger(__name__)


class Pruning:
    """Removal of expired data during one sweep.

    Attributes:
        removed: Names of the runs that were removed.
        left: Names of runs with data that could not be removed; the log says why.
    """

    def __init__(self, context: Context, *, deadline: float) -> None:
        """Store the arguments; nothing is removed yet.

        Args:
            context: The services.
            deadline: When to leave the rest to the next sweep, in monotonic seconds.
        """
        self._context = context
        self._deadline = deadline
        self.removed: list[str] = []
        self.left: list[str] = []
        self._counts: Counter[str] = Counter()

    def work(self) -> None:
        """Remove what is marked, and mark more, until the deadline or until nothing is left to do.

        Raises:
            DatabaseUnavailableError: PostgreSQL does not respond.
        """
        if self._context.settings.retention.removes_anything:
            self._note_taken()
        while monotonic() < self._deadline and (self._remove_marked() or self._mark()):
            pass
        for what, number in self._counts.items():
            self._context.telemetry.count(REMOVED, {"ogdc.removed.what": what}, number)
        if self._counts:
            _log.info("retention removed %s", ", ".join(f"{n} {what}" for what, n in self._counts.items()))

    def _mark(self) -> bool:
        kept = self._context.settings.retention
        if not kept.removes_anything:
            return False
        with self._context.database.transaction() as conn:
            return mark_of_next_recipe(conn, kept, limit=_RUNS, again_after=AGAIN_SECONDS) is not None

    def _remove_marked(self) -> bool:
        """Remove marked data of some runs; False if there are none or they cannot be removed now."""
        with self._context.database.autocommit() as conn:
            marked = marked_runs(conn, limit=_RUNS + len(self.left))
        waiting = [each for each in marked if each.name not in self.left]
        for removal in waiting:
            if monotonic() > self._deadline:
                break
            with within(run=removal.name):
                self._try(removal)
        return bool(waiting)

    def _try(self, removal: Removal) -> None:
        try:
            self._remove(removal)
        except DatabaseUnavailableError:
            raise
        except OgdcError as exc:
            self.left.append(removal.name)
            _log.warning("what is to be removed of run %s is left for the next sweep: %s", removal.name, exc)

    def _remove(self, removal: Removal) -> None:
        context, name = self._context, removal.name
        if removal.removing == RUN:
            context.argo.delete(name)
            context.store.delete_prefix(run_prefix(name))
        else:
            self._remove_objects(removal)
        if removal.removing in {RUN, TASKS} and not self._remove_tasks(removal):
            return
        with context.database.transaction() as conn:
            if removal.removing != RUN:
                record_removed(conn, removal.id, removal.removing)
            elif remove_run(conn, removal.id):
                record_act(conn, Action.REMOVE, name, caller=None, by="retention")
                self.removed.append(name)
        self._counts[_CALLED[removal.removing]] += 1

    def _remove_objects(self, removal: Removal) -> None:
        with self._context.database.autocommit() as conn:
            stages = {PROCESS, *map(stage_of, stages_of(conn, removal.id))}
        for stage in sorted(stages):
            self._context.store.delete_prefix(logs_prefix(removal.name, stage))
            if removal.removing == TASKS:
                self._context.store.delete_prefix(facts_prefix(removal.name, stage))

    def _remove_tasks(self, removal: Removal) -> bool:
        """Delete the rows of a run's tasks; False if the deadline passed before all were deleted."""
        while monotonic() < self._deadline:
            with self._context.database.autocommit() as conn:
                gone = remove_tasks(conn, removal.id, limit=_TASKS)
            self._counts["tasks"] += gone
            if gone < _TASKS:
                return True
        return False

    def _note_taken(self) -> None:
        """Record which runs' results ended runs have reused, since those runs must be kept."""
        with self._context.database.autocommit() as conn:
            taking = runs_taking(conn, limit=_RUNS)
        for run_id, name in taking:
            with within(run=name):
                try:
                    names = sorted(taken_from(self._context, name))
                except OgdcError as exc:
                    _log.warning("what run %s has taken is asked for again by the next sweep: %s", name, exc)
                    continue
            with self._context.database.autocommit() as conn:
                record_taken(conn, run_id, names)


_CALLED = {RUN: "runs", TASKS: "runs' tasks", LOGS: "runs' logs"}
