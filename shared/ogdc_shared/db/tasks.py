"""Tasks: the pods of each run's workflow."""

from __future__ import annotations

from uuid import UUID

from psycopg import Connection

from ogdc_shared.argo.state import TaskState


def list_tasks(conn: Connection, run_id: UUID, *, limit: int = 1000, offset: int = 0) -> list[TaskState]:
    """Read a run's tasks, by partition and start, those of no partition last."""
    raise NotImplementedError


def store_tasks(conn: Connection, run_id: UUID, *, version: int, tasks: tuple[TaskState, ...]) -> bool:
    """Make these a run's tasks, unless a newer version's are; rows that stay the same are not written."""
    raise NotImplementedError
