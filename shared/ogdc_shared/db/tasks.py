"""The table of tasks: the pods of each run's workflow."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from ogdc_shared.argo.state import TaskState
from ogdc_shared.db.queries import load_queries
from ogdc_shared.layout import STAGES


def list_tasks(conn: Connection, run_id: UUID, *, limit: int = 1000, offset: int = 0) -> list[TaskState]:
    """Read a run's tasks, ordered by partition and start; those without a partition come last."""
    page = {"run_id": run_id, "limit": limit, "offset": offset}
    with conn.cursor(row_factory=class_row(TaskState)) as cursor:
        return cursor.execute(load_queries("tasks")["list_tasks"], page).fetchall()


def find_task(conn: Connection, run_id: UUID, template: str, partition: int | None) -> TaskState | None:
    """Read a task by its template and partition; None if it has not started."""
    wanted = {"run_id": run_id, "template": template, "partition": partition}
    with conn.cursor(row_factory=class_row(TaskState)) as cursor:
        return cursor.execute(load_queries("tasks")["find_task"], wanted).fetchone()


class StageCounts(NamedTuple):
    """Progress of a stage."""

    stage: str
    tasks: int
    """Number of tasks that have started; at the end, of partitions."""
    counts: dict[str, int]
    """Number of tasks by phase."""


def count_stages(conn: Connection, run_id: UUID) -> list[StageCounts]:
    """Count the tasks of each started stage of a run except publishing, in order."""
    with conn.cursor(row_factory=class_row(StageCounts)) as cursor:
        wanted = {"run_id": run_id, "stages": [*STAGES]}
        return cursor.execute(load_queries("tasks")["count_stages"], wanted).fetchall()


def partition_tasks(conn: Connection, run_id: UUID, numbers: range) -> dict[int, TaskState]:
    """Read the tasks of some partitions of a run that have started, by partition number."""
    part = {"run_id": run_id, "first": numbers.start, "end": numbers.stop}
    with conn.cursor(row_factory=class_row(TaskState)) as cursor:
        found = cursor.execute(load_queries("tasks")["list_partition_tasks"], part)
        return {task.partition: task for task in found if task.partition is not None}
