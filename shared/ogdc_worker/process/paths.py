"""Where a task finds its things inside its container; see `layout`. Tests have them elsewhere."""

from __future__ import annotations

from ogdc_shared import layout
from ogdc_shared.fast_typing import NamedTuple


class ProcessPaths(NamedTuple):
    """The paths of `process`."""

    workspace: str = layout.WORKFLOW_MOUNT
    input_dir: str = layout.INPUT_DIR
    """As the commands see it; the worker goes through the workspace."""
    output_dir: str = layout.OUTPUT_DIR
    plan: str = layout.PLAN_PATH
    partition: str = layout.PARTITION_PATH
    recipe: str = layout.RECIPE_PATH
    credentials: str = layout.CREDENTIALS_PATH
    cache: str = layout.CACHE_PATH
    secrets: str = layout.SECRETS_PATH
    facts: str = layout.FACTS_PATH
    scratch: str = "/tmp"  # noqa: S108  the task's own

    @property
    def inputs(self) -> str:
        """`/input_dir` by way of the workspace: where things can be renamed to from `outputs`."""
        return f"{self.workspace}/input_dir"

    @property
    def outputs(self) -> str:
        """`/output_dir` by way of the workspace."""
        return f"{self.workspace}/output_dir"
