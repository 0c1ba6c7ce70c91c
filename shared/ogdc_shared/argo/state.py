"""A workflow's state, as far as this project cares, read from an Argo `Workflow` object."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

TERMINAL_PHASES = frozenset({"Succeeded", "Failed", "Error"})
"""Phases after which a workflow changes only by `retry`."""


class TaskState(NamedTuple):
    """One pod of a workflow (a node of type Pod)."""

    node_id: str
    name: str
    """Argo's displayName, e.g. `process(0:0)`."""
    template: str
    """`list`, `process` or `publish`."""
    partition: int | None
    phase: str
    message: str | None
    progress: str | None
    """`done/total` commands."""
    exit_code: int | None
    started_at: datetime | None
    finished_at: datetime | None


class WorkflowState(NamedTuple):
    """A workflow at one resourceVersion."""

    name: str
    namespace: str
    uid: str
    resource_version: int
    phase: str
    """Argo's phase; a workflow the controller has not looked at yet is Pending."""
    message: str | None
    """For a failed workflow what the first failing task said, else the workflow's own message."""
    progress: str | None
    started_at: datetime | None
    finished_at: datetime | None
    tasks: tuple[TaskState, ...]


def read_workflow(workflow: dict[str, Any]) -> WorkflowState:
    """Read a Workflow object as the Kubernetes API or the Argo Server gives it.

    `compressedNodes` (gzip, base64) are unpacked. A message loses Argo's own prefix
    (`main: Error (exit code 1): `), since the worker's message already says it better.

    Raises:
        ValueError: this is no Workflow object, or a field has the wrong shape.

    Source: pkg/apis/workflow/v1alpha1/workflow_types.go of argo-workflows (WorkflowStatus, NodeStatus).
    """
    raise NotImplementedError
