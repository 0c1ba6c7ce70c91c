"""Plausible records for a database, in which tests can choose each field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from ogdc_shared.argo.state import TaskState, WorkflowState
from ogdc_shared.db.runs import Run
from ogdc_shared.db.submissions import NewRun, record_submission
from ogdc_shared.db.users import ensure_user

LONG_AGO = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def submit(conn: Connection, name: str, *, user: str = "anna", **fields: Any) -> Run:
    """Record a submission, by default of a `pvc` recipe that was not submitted before."""
    new = NewRun(
        name=name,
        recipe_id=f"recipe-of-{name}",
        recipe_name=f"Recipe of {name}",
        recipe_path="https://example.org/recipe.tar.gz",
        snapshot="0" * 64,
        output_type="pvc",
        overwrite=False,
        partitions=1,
        manifest={"metadata": {"name": name}},
        submitted_by=ensure_user(conn, user).id,
    )
    return record_submission(conn, new._replace(**fields))


def task(node_id: str, **fields: Any) -> TaskState:
    """Return a running `process` task."""
    state = TaskState(
        node_id=node_id,
        name=f"process({node_id})",
        template="process",
        partition=0,
        phase="Running",
        message=None,
        progress="1/3",
        exit_code=None,
        started_at=LONG_AGO,
        finished_at=None,
    )
    return state._replace(**fields)


def state(name: str, version: int = 1, **fields: Any) -> WorkflowState:
    """Return Argo's state of a running workflow."""
    state = WorkflowState(
        name=name,
        namespace="qgnet",
        uid=f"uid-of-{name}",
        resource_version=version,
        phase="Running",
        message=None,
        progress=None,
        started_at=LONG_AGO,
        finished_at=None,
        tasks=(),
    )
    return state._replace(**fields)
