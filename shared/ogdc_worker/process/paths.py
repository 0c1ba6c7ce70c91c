"""The paths of a task in its container; see `layout`. Tests use others."""

from __future__ import annotations

import os
from typing import NamedTuple

from ogdc_shared import layout
from ogdc_shared.errors import IntegrityError


class ProcessPaths(NamedTuple):
    """The paths that `process` uses."""

    workspace: str = layout.WORKFLOW_MOUNT
    input_dir: str = layout.INPUT_DIR
    """As commands see it; the worker itself uses `inputs`."""
    output_dir: str = layout.OUTPUT_DIR
    plan: str = layout.PLAN_PATH
    partition: str = layout.PARTITION_PATH
    recipe: str = layout.RECIPE_PATH
    credentials: str = layout.CREDENTIALS_PATH
    cache: str = layout.CACHE_PATH
    secrets: str = layout.SECRETS_PATH
    facts: str = layout.FACTS_PATH
    memory_events: tuple[str, ...] = layout.MEMORY_EVENTS
    scratch: str = "/tmp"  # noqa: S108  private to the task

    @property
    def inputs(self) -> str:
        """`/input_dir` within the workspace, where files can be renamed from `outputs`."""
        return f"{self.workspace}/input_dir"

    @property
    def outputs(self) -> str:
        """`/output_dir` within the workspace."""
        return f"{self.workspace}/output_dir"

    def require_mounts(self) -> None:
        """Check that the commands' directories are those of this workspace.

        A command can replace such a directory by a link. When the task is retried, the kubelet mounts the
        target, which may be anywhere on the volume: another run's workspace or published data.

        Raises:
            IntegrityError: another directory is mounted.
        """
        for seen, kept in ((self.input_dir, self.inputs), (self.output_dir, self.outputs)):
            if os.path.islink(kept) or not _may_be_one(os.stat(seen), os.stat(kept)):
                raise IntegrityError(
                    f"{seen} is not the directory {kept}: a command has replaced it. Nothing more was run."
                )


def _may_be_one(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two directories may be the same; sandboxed runtimes give mounts other device numbers."""
    return one.st_dev != other.st_dev or one.st_ino == other.st_ino
