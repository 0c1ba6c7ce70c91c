"""Starting scheduled runs: exactly one for each time, even with concurrent sweeps.

A start is recorded before anything is submitted, like uploads
(docs/decisions/0010-uploads-outbox.md). Times missed during an outage are combined into one
start.
"""

from __future__ import annotations

import logging
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID

from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.errors import AlreadyRunningError, InputError, LimitError, OgdcError
from ogdc_shared.outcomes import StartOutcome
from ogdc_shared.telemetry.tracing import within
from ogdc_shared.triggers import record
from ogdc_shared.triggers import schedule_record as starts
from ogdc_shared.triggers.owners import owner_of
from ogdc_shared.triggers.record import Trigger
from ogdc_shared.triggers.schedule import next_time
from ogdc_shared.triggers.schedule_record import WaitingStart
from ogdc_shared.triggers.watching import validators_of

UNTRIED_SECONDS = 45.0
"""After which a try counts as left by a crash; longer than a submission takes."""
MAX_WAIT_SECONDS = 86_400.0
"""After this a start that a part keeps waiting is refused."""

_AT_ONCE = 12
"""Starts under way together. Each mostly waits for its recipe's server; hundreds may be due at midnight."""
_LEFT_CONNECTIONS = 2
"""For claiming starts and for requests: a start holds a connection while its artifacts are written."""

_log = logging.getLogger(__name__)


def start_scheduled(
    context: Context, *, deadline: float, untried_for: float = UNTRIED_SECONDS, now: datetime | None = None
) -> list[str]:
    """Start the runs that are due; returns their names.

    Args:
        context: The services.
        deadline: In monotonic seconds; no run is started later.
        untried_for: Skip starts that another process began to try within this number of seconds.
        now: Time by which starts have to be due, and from which the next times are computed; None means now.

    Raises:
        DatabaseUnavailableError: PostgreSQL does not respond.
    """
    while monotonic() < deadline and _record_due(context, now=now):
        pass
    at_once = max(1, min(_AT_ONCE, context.settings.database.pool_size - _LEFT_CONNECTIONS))
    begun: list[str | None] = []
    tried: list[UUID] = []
    running: set[Future[str | None]] = set()
    with ThreadPoolExecutor(at_once) as threads:
        while monotonic() < deadline:
            if start := _claim(context, tried, untried_for=untried_for):
                running.add(threads.submit(copy_context().run, _try, context, start))
            elif not running:
                break
            if start is None or len(running) == at_once:  # one that ends may make room for the trigger's next
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                begun += [each.result() for each in ended]
        begun += [each.result() for each in running]
    return [name for name in begun if name]


def _claim(context: Context, tried: list[UUID], *, untried_for: float) -> WaitingStart | None:
    """Claim a start that is not in `tried`, and add it there."""
    with context.database.autocommit() as conn:
        start = starts.claim_start(conn, untried_for=untried_for, tried=tried)
    if start is not None:
        tried.append(start.id)
    return start


def _record_due(context: Context, *, now: datetime | None) -> bool:
    """Turn one due time into a start; False if none is due."""
    with context.database.transaction() as conn:
        due = starts.lock_due_trigger(conn, now=now)
        if due is None:
            return False
        try:
            following = next_time(
                due.schedule, due.time_zone, after=max(now or datetime.now(UTC), due.due_at)
            )
        except InputError as exc:  # which was right when it was added
            _log.error("trigger %s is not due any more: %s", due.name, exc)
            starts.record_start(conn, due, next_due=None)
        else:
            starts.record_start(conn, due, next_due=following)
        return True


def _try(context: Context, start: WaitingStart) -> str | None:
    """Begin the run of a start; returns its name, where that was done now."""
    with context.database.autocommit() as conn:
        trigger = record.find_trigger(conn, start.trigger_id)
    if trigger is None:
        return None
    with within(trigger=trigger.name):
        try:
            return _begun(context, trigger, start)
        except OgdcError as exc:
            outcome = _outcome_of(exc, start)
            _log.warning("the start of trigger %s at %s is %s: %s", trigger.name, start.due_at, outcome, exc)
            _record(context, start, outcome, message=str(exc))
    return None


def _begun(context: Context, trigger: Trigger, start: WaitingStart) -> str | None:
    if (other := _run_before(context, trigger, start)) is not None:
        outcome = StartOutcome.WAITING if trigger.queues else StartOutcome.SKIPPED
        _record(context, start, outcome, message=f"Run {other} has not ended.")
        return None
    seen = validators_of(context, trigger.watched)
    if seen and seen == trigger.seen:
        _record(context, start, StartOutcome.UNCHANGED, message=_still_to_do(context, trigger))
        return None
    run = _submit(context, trigger, start)
    if run.submitted_at < start.due_at + timedelta(seconds=start.age_seconds):
        seen = {}  # begun by a try that died: it may have read what was there before the change seen now
    if not _record(context, start, StartOutcome.STARTED, run_id=run.id, seen=seen):
        return None
    with within(run=run.name):
        _log.info("run %s started by trigger %s at %s", run.name, trigger.name, start.due_at)
    return run.name


def _run_before(context: Context, trigger: Trigger, start: WaitingStart) -> str | None:
    """The trigger's run that has not ended, which holds up this start; those behind it are left out."""
    with context.database.transaction() as conn:
        other = starts.unfinished_run(conn, trigger.id)
        if other is not None:
            starts.skip_behind(conn, start)
    return other


def _still_to_do(context: Context, trigger: Trigger) -> str | None:
    """Return a note if the run for the unchanged data has failed, so that there is no result of them."""
    with context.database.autocommit() as conn:
        name = starts.run_in_vain(conn, trigger.id)
    if name is None:
        return None
    return f"Run {name} was for the last change, and has failed. Try it again: ogdc-runner retry {name}"


def _submit(context: Context, trigger: Trigger, start: WaitingStart) -> Run:
    """Submit as anybody would; the start's id makes doing it again harmless."""
    from ogdc_shared.runs.recipes import RecipeSource
    from ogdc_shared.runs.submit import submit_recipe
    from ogdc_shared.runs.trigger_inputs import TriggerInputs

    variables = (("TRIGGER_NAME", trigger.name), ("TRIGGER_TIME", start.due_at.astimezone(UTC).isoformat()))
    return submit_recipe(
        context,
        caller=owner_of(context, trigger),
        source=RecipeSource(location=trigger.recipe_path),
        overwrite=trigger.overwrite,
        idempotency_key=f"schedule:{start.id}",
        trigger_inputs=TriggerInputs(started_by="schedule", variables=variables),
    )


def _record(
    context: Context,
    start: WaitingStart,
    outcome: StartOutcome,
    *,
    message: str | None = None,
    run_id: UUID | None = None,
    seen: dict[str, str] | None = None,
) -> bool:
    with context.database.transaction() as conn:
        if seen:
            starts.set_seen(conn, start.trigger_id, seen)
        return starts.record_try(conn, start, outcome=outcome, message=message, run_id=run_id)


def _outcome_of(exc: OgdcError, start: WaitingStart) -> StartOutcome:
    """Whether what went wrong may pass: a part that is away, a run of the recipe that has not ended."""
    passing = isinstance(exc, AlreadyRunningError | LimitError) or not isinstance(exc, InputError)
    waits = passing and start.age_seconds < MAX_WAIT_SECONDS
    return StartOutcome.WAITING if waits else StartOutcome.REFUSED
