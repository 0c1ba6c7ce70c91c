"""The table of tasks: the pods of each run's workflow."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from ogdc_shared.argo.state import TaskState
from ogdc_shared.db.queries import load_queries


def list_tasks(conn: Connection, run_id: UUID, *, limit: int = 1000, offset: int = 0) -> list[TaskState]:
    """Read a run's tasks, by partition and start, those of no partition last."""
    page = {"run_id": run_id, "limit": limit, "offset": offset}
    with conn.cursor(row_factory=class_row(TaskState)) as cursor:
        return cursor.execute(load_queries("tasks")["list_tasks"], page).fetchall()


def find_task(conn: Connection, run_id: UUID, template: str, partition: int | None) -> TaskState | None:
    """Read a task by its template and partition; None: none such has begun."""
    wanted = {"run_id": run_id, "template": template, "partition": partition}
    with conn.cursor(row_factory=class_row(TaskState)) as cursor:
        return cursor.execute(load_queries("tasks")["find_task"], wanted).fetchone()


class StageCounts(NamedTuple):
    """How far a stage of a run is."""

    stage: str
    tasks: int
    """How many have begun; once all have, its partitions."""
    counts: dict[str, int]
    """By phase."""


def count_stages(conn: Connection, run_id: UUID) -> list[StageCounts]:
    """Count the tasks of each stage of a run that has begun, but for publishing, in order."""
    with conn.cursor(row_factory=class_row(StageCounts)) as cursor:
        return cursor.execute(load_queries("tasks")["count_stages"], {"run_id": run_id}).fetchall()


def partition_tasks(conn: Connection, run_id: UUID, numbers: range) -> dict[int, TaskState]:
    """Read the tasks of some partitions of a run's inputs, as far as they have begun, by their number."""
    part = {"run_id": run_id, "first": numbers.start, "end": numbers.stop}
    with conn.cursor(row_factory=class_row(TaskState)) as cursor:
        found = cursor.execute(load_queries("tasks")["list_partition_tasks"], part)
        return {task.partition: task for task in found if task.partition is not None}
