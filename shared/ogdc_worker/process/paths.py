"""Where a task finds its things inside its container; see `layout`. Tests have them elsewhere."""

from __future__ import annotations

import os
from typing import NamedTuple

from ogdc_shared import layout
from ogdc_shared.errors import IntegrityError


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

    def require_mounts(self) -> None:
        """Make sure that the commands see directories of this workspace, and nothing else of the volume.

        A command can put a link in such a directory's place, and where a task is tried again the kubelet
        mounts what that leads to, anywhere on the volume: other runs' work, published data.

        Raises:
            IntegrityError: something else is mounted.
        """
        for seen, kept in ((self.input_dir, self.inputs), (self.output_dir, self.outputs)):
            if os.path.islink(kept) or not _may_be_one(os.stat(seen), os.stat(kept)):
                raise IntegrityError(
                    f"{seen} is not the directory {kept}: a command has put something else in its place. "
                    "Nothing more was run."
                )


def _may_be_one(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two directories can be one; runtimes that are a kernel of their own number mounts anew."""
    return one.st_dev != other.st_dev or one.st_ino == other.st_ino
