"""Reading the partitions of a run and their phases."""

from __future__ import annotations

from typing import NamedTuple

from ogdc_shared.argo.state import TaskState
from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.db.tasks import partition_tasks
from ogdc_shared.layout import division_key
from ogdc_shared.phases import REUSED
from ogdc_shared.plan import Division
from ogdc_shared.runs.read import require_tasks
from ogdc_shared.runs.taken import TakenPartition, taken_partitions
from ogdc_shared.storage.store import ArtifactNotFoundError


class PartitionState(NamedTuple):
    """One partition of a run."""

    number: int
    """From 0."""
    files: int | None
    """Number of files; None if unknown."""
    bytes: int | None
    """Total size; None if a file's size is unknown."""
    phase: str | None
    """Phase of its task, None if that has not started, or `Reused` if it needs none."""
    message: str | None


def list_partitions(context: Context, run: Run, *, limit: int, offset: int) -> list[PartitionState]:
    """Read some of a run's partitions, in order; none before the run has divided its inputs.

    Raises:
        OutputUnavailableError: they were removed.
        DatabaseUnavailableError: PostgreSQL does not respond.
        StorageUnavailableError: the artifact store does not respond.
    """
    require_tasks(run)
    numbers = range(offset, min(offset + limit, run.partitions or 0))
    if not numbers:
        return []
    division = _division(context, run)
    with context.database.autocommit() as conn:
        tasks = partition_tasks(conn, run.id, numbers)
    taken = taken_partitions(context, run)
    return [
        PartitionState(
            number,
            division.files[number] if division else None,
            division.sizes[number] if division else None,
            *_outcome(tasks.get(number), taken.get(number)),
        )
        for number in numbers
    ]


def _outcome(task: TaskState | None, taken: TakenPartition | None) -> tuple[str | None, str | None]:
    """Return phase and message of a partition."""
    if taken and taken.whole:
        return REUSED, taken.to_text()
    if task is None:
        return None, None
    return task.phase, task.message or (taken and taken.to_text())


def _division(context: Context, run: Run) -> Division | None:
    if run.partitions == 1 and run.input_files is not None:
        return Division((run.input_files,), (run.input_bytes,))
    try:
        return Division.from_json(context.store.get(division_key(run.name)))
    except ArtifactNotFoundError:
        return None
