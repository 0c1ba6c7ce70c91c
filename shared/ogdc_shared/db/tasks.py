"""Tasks: the pods of each run's workflow."""

from __future__ import annotations

import json
from collections import Counter
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from ogdc_shared.argo.state import TaskState, WorkflowState
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


def store_tasks(conn: Connection, state: WorkflowState) -> bool:
    """Make a state's tasks the run's tasks, unless those of a newer state are; False: nothing changed.

    A state without tasks says nothing about them: Argo leaves a large workflow's out of its events.
    """
    if not state.tasks:
        return False
    stored = conn.execute(
        load_queries("tasks")["store_tasks"],
        {
            "name": state.name,
            "uid": state.uid,
            "version": state.resource_version,
            "counts": json.dumps(Counter(task.phase for task in state.tasks)),
            "partition_counts": json.dumps(
                Counter(task.phase for task in state.tasks if task.partition is not None)
            ),
            "partitions": state.partitions,
            "input_files": state.input_files,
            "input_bytes": state.input_bytes,
            "tasks": _as_json(state.tasks),
        },
    )
    return stored.fetchone() is not None


def _as_json(tasks: tuple[TaskState, ...]) -> str:
    """Render tasks for `json_to_recordset`, without NUL, which PostgreSQL refuses even as an escape."""
    text = json.dumps([task._asdict() for task in tasks], ensure_ascii=False, default=str)
    return text.replace("\\u0000", "\\ufffd")
