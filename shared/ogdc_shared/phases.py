"""Phases of workflows, tasks and runs, as named by Argo, and the sets of phases that code tests for.

Source: WorkflowPhase and NodePhase in pkg/apis/workflow/v1alpha1/workflow_types.go of argo-workflows.
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Phase of a workflow or node; equal to its text, as stored and sent."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"
    SKIPPED = "Skipped"
    """Only of nodes, like the next: there was nothing to do."""
    OMITTED = "Omitted"
    """A dependency did not succeed."""


FAILED_PHASES = frozenset({Phase.FAILED, Phase.ERROR})
"""Phases that allow a retry."""
TERMINAL_PHASES = FAILED_PHASES | {Phase.SUCCEEDED}
"""Phases that a workflow, and so a run, leaves only by a retry."""
RUN_STATUSES = (Phase.PENDING, Phase.RUNNING, Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR)
"""All phases of a workflow, and so of a run, in the order it passes through them."""
PASSED_NODE_PHASES = frozenset({Phase.SUCCEEDED, Phase.SKIPPED})
"""Phases of a node in which its dependents may start."""
TERMINAL_NODE_PHASES = TERMINAL_PHASES | {Phase.SKIPPED, Phase.OMITTED}
"""Phases that a node leaves only by a retry."""

REUSED = "Reused"
"""Phase of a partition without a task, because an earlier result was reused. Argo has no such phase."""
