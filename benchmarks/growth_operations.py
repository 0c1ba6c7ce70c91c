"""Every read and write of the record by requests and the sweep, each rolled back."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from benchmarks.growth_data import RUNS_A_DAY
from ogdc_shared.argo.state import TaskState, WorkflowState
from ogdc_shared.db import retention, runs, submissions, tasks, users, workflow_state
from ogdc_shared.db.audit import list_acts
from ogdc_shared.db.events import forget_events
from ogdc_shared.db.runs import JobFilter
from ogdc_shared.errors import AlreadyRunningError
from ogdc_shared.retention_settings import RetentionSettings
from ogdc_shared.triggers import record as triggers
from ogdc_shared.triggers import schedule_record as starts
from ogdc_shared.webhooks import record as webhooks

_DAY = 86_400.0


class Record(NamedTuple):
    """A filled database, and what is in it."""

    conn: Connection
    """In a transaction."""
    runs: int
    chance: random.Random
    """The same for each size of record."""
    user: UUID
    """Who has the most runs."""
    other: UUID
    """Who has few, and none of recipe-0."""

    def any_run(self) -> tuple[UUID, str]:
        """The id and the name of a run that ended, of any age."""
        number = self.chance.randrange(1000, self.runs)
        wanted = "SELECT id, name FROM runs WHERE id = md5('run' || %s)::uuid"
        run_id, name = _row(self.conn, wanted, number)
        return run_id, name

    def running(self) -> tuple[str, str, int]:
        """Name, workflow's uid and newest version of a run that has not ended."""
        wanted = "SELECT name, workflow_uid, resource_version FROM runs WHERE status = 'Running'"
        name, uid, version = _row(self.conn, f"{wanted} ORDER BY submitted_at LIMIT 1")
        return name, uid, version

    def ago(self, part: float) -> datetime:
        """The time before which this part of all runs was submitted."""
        return datetime.now(UTC) - timedelta(days=self.runs * (1 - part) / RUNS_A_DAY)

    def page_at(self, part: float) -> str:
        """A cursor in the list of all runs."""
        wanted = (
            "SELECT submitted_at, id FROM runs WHERE submitted_at < %s ORDER BY submitted_at DESC LIMIT 1"
        )
        time, run_id = _row(self.conn, wanted, self.ago(part))
        return runs.cursor_at(time, run_id)


Operation = Callable[[Record], Callable[[], object]]
"""Finds what to work on, which is not timed, and returns the work."""


def open_record(conn: Connection, *, runs: int, turn: int) -> Record:
    """Look up what operations need of a record."""
    named = "SELECT id FROM users WHERE name = %s"
    user, other = (_row(conn, named, name)[0] for name in ("user-0", "user-199"))
    return Record(conn, runs, random.Random(turn), user, other)


def _row(conn: Connection, statement: str, *values: object) -> Any:
    found = conn.execute(statement.encode(), values).fetchone()
    assert found is not None, statement
    return found


def _lists() -> Mapping[str, Operation]:
    """Lists of runs; where few have what is asked for in the small record, as many are asked for in both."""
    filters: dict[str, dict[str, Any]] = {
        "all": {},
        "of a recipe that runs often": {"recipe_id": "recipe-0"},
        "of one that runs seldom": {"recipe_id": "recipe-450", "limit": 4},
        "that failed": {"status": "Failed"},
        "in error, which few are": {"status": "Error"},
        "that run": {"status": "Running"},
        "of a user": {"submitted_by": "user-0"},
        "of a user, in error": {"submitted_by": "user-0", "status": "Error"},
        "of a recipe, in error": {"recipe_id": "recipe-0", "status": "Error"},
        "of a recipe and a user who has few": {
            "recipe_id": "recipe-0",
            "submitted_by": "user-199",
            "limit": 5,
        },
        "of a recipe and a user, in error": {
            "recipe_id": "recipe-0",
            "submitted_by": "user-0",
            "status": "Error",
        },
        "by the beginning of many names": {"name_prefix": "recipe-0-"},
        "by the beginning of recipes' names": {"name_prefix": "recipe-45"},
        "by the beginning of a recipe's names": {"name_prefix": "recipe-0-a"},
        "by the beginning of some names": {"name_prefix": "recipe-0-a1", "limit": 1},
        "by the beginning of a name": {"name_prefix": "recipe-0-a1b2c3"},
    }
    return {
        f"list {what}": lambda record, wanted=wanted: lambda: runs.list_runs(record.conn, **wanted)
        for what, wanted in filters.items()
    } | {
        "list all, a page in the middle": lambda record: _page(record, 0.5),
        "list all, one of the last pages": lambda record: _page(record, 0.01),
        "list that failed, a page in the middle": lambda record: _page(record, 0.5, status="Failed"),
        "list of a recipe, a page in the middle": lambda record: _page(record, 0.5, recipe_id="recipe-0"),
    }


def _page(record: Record, part: float, **wanted: str) -> Callable[[], object]:
    before = record.page_at(part)
    return lambda: runs.list_runs(record.conn, **wanted, before=before)  # type: ignore[arg-type]


def _jobs() -> Mapping[str, Operation]:
    filters = {
        "all": JobFilter(),
        "that are running": JobFilter(statuses=["Running"]),
        "that failed": JobFilter(statuses=["Failed", "Error"]),
        "that were dismissed": JobFilter(statuses=[], cancelled=True),
        "of processes, running": JobFilter(recipes=["recipe-0", "recipe-7"], statuses=["Running"]),
        "that took more than an hour": JobFilter(min_seconds=3600),
        "that took less than a second, as none has": JobFilter(max_seconds=1),
    }
    return {
        f"jobs {what}": lambda record, wanted=wanted: (
            lambda: runs.list_jobs(record.conn, wanted, limit=50, before=None)
        )
        for what, wanted in filters.items()
    } | {"jobs of a day in the middle": _jobs_of_a_day}


def _jobs_of_a_day(record: Record) -> Callable[[], object]:
    begin = record.ago(0.5)
    wanted = JobFilter(begin=begin, end=begin + timedelta(days=1))
    return lambda: runs.list_jobs(record.conn, wanted, limit=50, before=None)


def _of_run(work: Callable[[Connection, UUID, str], object]) -> Operation:
    def find(record: Record) -> Callable[[], object]:
        run_id, name = record.any_run()
        return lambda: work(record.conn, run_id, name)

    return find


def _reads() -> Mapping[str, Operation]:
    return {
        "a run by its name": _of_run(lambda conn, _, name: runs.get_run(conn, name)),
        "its warnings and parameters": _of_run(
            lambda conn, run, _: (runs.get_warnings(conn, run), runs.get_parameters(conn, run))
        ),
        "its tasks and stages": _of_run(
            lambda conn, run, _: (tasks.list_tasks(conn, run), tasks.count_stages(conn, run))
        ),
        "one of its tasks": _of_run(lambda conn, run, _: tasks.find_task(conn, run, "process", 0)),
        "its partitions": _of_run(lambda conn, run, _: tasks.partition_tasks(conn, run, range(50))),
        "what started it": _of_run(
            lambda conn, run, _: (triggers.upload_of_run(conn, run), starts.start_of_run(conn, run))
        ),
        "its manifest": _of_run(lambda conn, _, name: submissions.get_manifest(conn, name)),
        "uploads of a trigger": lambda record: _of_trigger(
            record, "trigger-1", lambda conn, trigger: triggers.list_uploads(conn, trigger, limit=50)
        ),
        "starts of a schedule": lambda record: _of_trigger(
            record, "schedule-1", lambda conn, trigger: starts.list_starts(conn, trigger.id, limit=50)
        ),
        "a run of a schedule that has not ended": lambda record: _of_trigger(
            record, "schedule-1", lambda conn, trigger: starts.unfinished_run(conn, trigger.id)
        ),
        "deliveries of a webhook": _deliveries,
        "audit": lambda record: lambda: list_acts(record.conn, limit=50),
        "audit of a user": lambda record: lambda: list_acts(record.conn, actor=record.user, limit=50),
        "audit of submissions": lambda record: lambda: list_acts(record.conn, action="run.submit", limit=50),
        "audit of what was never done": lambda record: (
            lambda: list_acts(record.conn, actor=record.user, action="run.retry", limit=50)
        ),
        "audit of a run": _of_run(lambda conn, _, name: list_acts(conn, what=name, limit=50)),
        "a user by what they are called": lambda record: lambda: users.find_called(record.conn, "user-7"),
    }


def _of_trigger(
    record: Record, name: str, work: Callable[[Connection, triggers.Trigger], object]
) -> Callable[[], object]:
    trigger = triggers.get_trigger(record.conn, name)
    return lambda: work(record.conn, trigger)


def _deliveries(record: Record) -> Callable[[], object]:
    hook = webhooks.list_webhooks(record.conn, owner=record.user)[0]
    return lambda: webhooks.list_deliveries(record.conn, hook.id, limit=50)


def _writes() -> Mapping[str, Operation]:
    return {
        "submit": _submit,
        "submit by an upload or a key": lambda record: _submit(record, idempotency_key=uuid.uuid4().hex),
        "is there a submission of this key": lambda record: (
            lambda: submissions.find_submission(
                record.conn, submitted_by=record.user, idempotency_key="k", request_digest="d"
            )
        ),
        "earlier runs to take results of": lambda record: _earlier(record, record.user),
        "earlier runs, of a user who has none": lambda record: _earlier(record, record.other),
        "how many runs of a user are under way": lambda record: (
            lambda: submissions.count_unfinished(record.conn, record.user)
        ),
        "an event": _event,
        "an event of a run's end": lambda record: _event(record, phase="Succeeded"),
        "an event that there is news": _news,
        "stop, and ask Argo": _stop,
        "retry": _retry,
    }


def _submit(record: Record, **fields: Any) -> Callable[[], object]:
    name = f"recipe-0-{uuid.uuid4().hex[:10]}"
    new = submissions.NewRun(
        name=name,
        recipe_id="recipe-0",
        recipe_name="Recipe 0",
        recipe_path=None,
        snapshot="0" * 64,
        output_type="temporary",
        overwrite=True,
        partitions=1,
        manifest={"metadata": {"name": name}},
        submitted_by=record.user,
    )._replace(**fields)

    def work() -> None:
        submissions.record_submission(record.conn, new)
        with suppress(AlreadyRunningError):
            submissions.require_place(record.conn, "recipe-0", overwrite=True, but=name)
        submissions.record_handover(record.conn, name, uid=name)

    return work


def _earlier(record: Record, user: UUID) -> Callable[[], object]:
    return lambda: submissions.earlier_runs(
        record.conn, submitted_by=user, recipe_id="recipe-0", label="none"
    )


def _event(record: Record, *, phase: str = "Running") -> Callable[[], object]:
    name, uid, version = record.running()
    now = datetime.now(UTC)
    task = TaskState(f"{name}-1", "process(0:0)", "process", 0, phase, None, "1/4", None, now, None)
    state = WorkflowState(name, "ogdc", uid, version + 1, phase, None, "1/2", now, now, tasks=(task,))
    event = workflow_state.EventRef("https://10.96.0.1:443", uuid.uuid4().hex, "update", name)

    def work() -> None:
        workflow_state.record_state(record.conn, state, event_ref=event, believed=False)
        webhooks.announce(record.conn, name=name, to_sink=False)

    return work


def _news(record: Record) -> Callable[[], object]:
    name, _, _ = record.running()
    event = workflow_state.EventRef("https://10.96.0.1:443", uuid.uuid4().hex, "update", name)
    return lambda: workflow_state.record_reference(record.conn, name, event_ref=event)


def _stop(record: Record) -> Callable[[], object]:
    name, _, _ = record.running()

    def work() -> None:
        workflow_state.record_stop(record.conn, name, reason="Cancelled.", by=record.user)
        runs.claim_refresh(record.conn, name, silent_for=0)
        workflow_state.clear_refresh(record.conn, name)

    return work


def _retry(record: Record) -> Callable[[], object]:
    (name,) = _row(
        record.conn,
        "SELECT name FROM runs WHERE status = 'Failed' AND output_type = 'temporary' AND deleted_at IS NULL"
        " ORDER BY submitted_at DESC LIMIT 1",
    )
    return lambda: submissions.claim_retry(record.conn, name)


def _sweeps() -> Mapping[str, Operation]:

    def each(work: Callable[[Connection], object]) -> Operation:
        return lambda record: lambda: work(record.conn)

    return {
        "sweep: runs to hand over": each(lambda conn: submissions.unsent_runs(conn, older_than=120)),
        "sweep: runs to ask about": each(lambda conn: runs.runs_to_reconcile(conn, silent_for=3600)),
        "sweep: outputs that expire": each(lambda conn: runs.expired_outputs(conn, kept_for=7.1 * _DAY)),
        "sweep: ends to announce": each(lambda conn: webhooks.announce(conn, to_sink=True)),
        "sweep: a delivery that is due": each(lambda conn: webhooks.claim_delivery(conn, lease=60)),
        "sweep: uploads that wait": each(lambda conn: triggers.waiting_uploads(conn, untried_for=60)),
        "sweep: a trigger that is due": each(starts.lock_due_trigger),
        "sweep: a start that waits": each(lambda conn: starts.claim_start(conn, untried_for=60)),
        "retention: what was taken": each(lambda conn: retention.runs_taking(conn, limit=100)),
        "retention: mark of a recipe": _mark,
        "retention: what is marked": each(lambda conn: retention.marked_runs(conn, limit=100)),
        "retention: remove a run": _remove,
        "retention: old events": each(lambda conn: forget_events(conn, older_than=8 * _DAY, limit=5000)),
        "retention: old deliveries": each(
            lambda conn: webhooks.forget_deliveries(conn, older_than=31 * _DAY, limit=5000)
        ),
        "retention: old starts": each(
            lambda conn: starts.forget_starts(conn, older_than=31 * _DAY, limit=5000)
        ),
    }


def _mark(record: Record) -> Callable[[], object]:
    days = record.runs // RUNS_A_DAY
    kept = RetentionSettings(
        run_days=3 * days // 5, runs_per_recipe=1000, task_days=2 * days // 5, log_days=days // 5
    )
    record.conn.execute("UPDATE recipes SET pruned_at = now() WHERE id <> 'recipe-0'")
    return lambda: retention.mark_of_next_recipe(record.conn, kept, limit=100, again_after=3600)


def _remove(record: Record) -> Callable[[], object]:
    run_id, _ = record.any_run()
    record.conn.execute("UPDATE runs SET removing = 'run' WHERE id = %s", (run_id,))

    def work() -> None:
        retention.stages_of(record.conn, run_id)
        retention.remove_tasks(record.conn, run_id, limit=5000)
        retention.remove_run(record.conn, run_id)

    return work


OPERATIONS: Mapping[str, Operation] = {**_lists(), **_jobs(), **_reads(), **_writes(), **_sweeps()}
