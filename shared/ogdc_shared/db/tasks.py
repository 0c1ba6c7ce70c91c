"""Tasks: the pods of each run's workflow."""

from __future__ import annotations

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


def partition_tasks(conn: Connection, run_id: UUID, numbers: range) -> dict[int, TaskState]:
    """Read the tasks of some of a run's partitions, as far as they have begun, by the partition's number."""
    part = {"run_id": run_id, "first": numbers.start, "end": numbers.stop}
    with conn.cursor(row_factory=class_row(TaskState)) as cursor:
        found = cursor.execute(load_queries("tasks")["list_partition_tasks"], part)
        return {task.partition: task for task in found if task.partition is not None}
