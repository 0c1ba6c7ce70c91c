"""Phases of workflows, tasks and runs, as named by Argo, and the sets of phases that code tests for.

Source: WorkflowPhase and NodePhase in pkg/apis/workflow/v1alpha1/workflow_types.go of argo-workflows.
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where a workflow or a node of one stands; equal to its text, as stored and sent."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"
    SKIPPED = "Skipped"
    """A node's alone, like the next: there was nothing to do."""
    OMITTED = "Omitted"
    """What it depends on did not succeed."""


FAILED_PHASES = frozenset({Phase.FAILED, Phase.ERROR})
"""Ends that can be retried."""
TERMINAL_PHASES = FAILED_PHASES | {Phase.SUCCEEDED}
"""Phases after which a workflow, and so a run, changes only by `retry`."""
RUN_STATUSES = (Phase.PENDING, Phase.RUNNING, Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR)
"""All that a workflow, and so a run, can be, in the order it passes through them."""
PASSED_NODE_PHASES = frozenset({Phase.SUCCEEDED, Phase.SKIPPED})
"""Of a node that keeps no other from its turn."""
TERMINAL_NODE_PHASES = TERMINAL_PHASES | {Phase.SKIPPED, Phase.OMITTED}
"""Phases that a node never leaves, except by `retry`."""

REUSED = "Reused"
"""Of a partition that has no task, since the result of an earlier run was taken: no phase of Argo's."""
