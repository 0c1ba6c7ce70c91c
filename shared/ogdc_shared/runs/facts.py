"""Reading the facts of a run's tasks, as written by `ogdc_worker.process.facts`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from ogdc_shared.api.answers import FactsSummary
from ogdc_shared.argo.state import TaskState
from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.db.tasks import list_tasks
from ogdc_shared.dns_label import is_dns_label
from ogdc_shared.errors import OutputUnavailableError
from ogdc_shared.layout import PROCESS, facts_key
from ogdc_shared.phases import REUSED
from ogdc_shared.runs.read import require_tasks
from ogdc_shared.runs.taken import TakenPartition, taken_partitions
from ogdc_shared.storage.store import ArtifactNotFoundError
from ogdc_shared.structs import decoder

_log = logging.getLogger(__name__)

_HEAD_BYTES = 4096
"""More than the length of a document's first line, which has numbers and the name of an image."""
_AT_ONCE = 8


class TaskFacts(NamedTuple):
    """A task and its facts."""

    task: TaskState
    taken: TakenPartition | None
    """What was reused for its partition, or None."""
    summary: FactsSummary | None
    """None if it has left no readable facts yet."""
    url: str | None
    """Temporary download link for the complete facts."""


class FactsPage(NamedTuple):
    """A page of a run's tasks."""

    total: int
    """Total number of tasks."""
    tasks: list[TaskFacts]


def list_facts(context: Context, run: Run, *, limit: int, offset: int) -> FactsPage:
    """Read the facts of some tasks of a run by partition; reused partitions without a task come last.

    Raises:
        OutputUnavailableError: they were removed.
        DatabaseUnavailableError: PostgreSQL does not respond.
        StorageUnavailableError: the artifact store does not respond.
    """
    require_tasks(run)
    taken, begun = taken_partitions(context, run), sum(run.task_counts.values())
    whole = [_without_task(number) for number, each in sorted(taken.items()) if each.whole]
    with context.database.autocommit() as conn:
        tasks = list_tasks(conn, run.id, limit=limit, offset=offset)
    tasks += whole[max(0, offset - begun) :][: limit - len(tasks)]

    def facts(task: TaskState) -> TaskFacts:
        found = taken.get(task.partition) if task.partition is not None and task.stage == PROCESS else None
        return TaskFacts(task, found, *_left(context, run.name, task))

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return FactsPage(begun + len(whole), list(threads.map(facts, tasks)))


def _without_task(partition: int) -> TaskState:
    """Return a stand-in for the task of a partition with a completely reused result."""
    name = f"{PROCESS}({partition}:{partition})"
    rest = dict.fromkeys(("message", "progress", "exit_code", "started_at", "finished_at"))
    return TaskState(node_id="", name=name, template=PROCESS, partition=partition, phase=REUSED, **rest)


def _left(context: Context, run: str, task: TaskState) -> tuple[FactsSummary | None, str | None]:
    """Return the summary of a task's facts, and a link to all of them."""
    if task.partition is None or task.finished_at is None:
        return None, None
    key = facts_key(run, task.partition, task.stage)
    try:
        summary = read_summary(context.store.get(key, first=_HEAD_BYTES))
    except ArtifactNotFoundError:
        return None, None
    except ValueError as exc:
        _log.warning("what %s of run %s has left cannot be read: %s", task.name, run, exc)
        return None, None
    return summary, context.store.link(key, seconds=context.settings.storage.link_seconds)


def stored_facts(context: Context, run: Run, stage: str, partition: str) -> Iterator[bytes]:
    """Yield the facts document of a task.

    Raises:
        OutputUnavailableError: there is no such task, it has left no facts, or they were removed.
        StorageUnavailableError: the artifact store does not respond.
    """
    key = facts_key(run.name, partition, stage)
    named = is_dns_label(stage) and partition.isdecimal() and partition.isascii()
    artifact = context.store.describe(key) if named else None
    if artifact is None:
        raise OutputUnavailableError(
            f"No facts are stored about the task of partition {partition[:20]!r} in stage "
            f"{stage[:63]!r} of run {run.name}.",
            expired=run.deleted_at is not None,
            elsewhere=run.deleted_at is None,
        )
    return context.store.read(key, artifact, 0, artifact.size)


def read_summary(head: bytes) -> FactsSummary:
    """Parse the first line of a facts document.

    Raises:
        ValueError: it is not one.
    """
    line, _, rest = head.partition(b",\n")
    return decoder(FactsSummary).decode(line + b"}" if rest else line)
