"""What `publish` is to publish, and where that lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared import layout
from ogdc_shared.walking import is_directory
from ogdc_worker.publish.output_check import Outputs
from ogdc_worker.publish.rights import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Iterator


class Publication(NamedTuple):
    """What is to be published."""

    run: str
    recipe_id: str
    partitions: int
    output: str
    """An `OutputType`."""
    overwrite: bool = False
    """Whether data that another run has published are replaced."""
    volume: str = layout.WORKFLOW_MOUNT
    zip_path: str = layout.OUTPUT_ZIP_PATH
    warnings_path: str = layout.WARNINGS_PATH
    description: str = layout.DESCRIPTION_PATH
    """What is said of the run as a whole, for its crate; a workflow of a version before has none."""
    recipe: str = layout.RECIPE_PATH
    """The recipe as it was submitted; likewise."""
    rights: str = PUBLISHED
    """What others may do with a published directory."""
    allowed_failures: str | None = None
    """How many items may be missing, or which share of them (see `missing`); None: nobody has counted."""
    reuse: str | None = None
    """The scope of results that later runs may take (see `plan.Reuse`); None: nothing is kept."""
    reuse_bytes: int = 20 << 30
    """How much of the results of all scopes may be kept."""
    node: str | None = None
    """The member node that a package of the result is sent to; None: nothing is sent."""
    data_set: str | None = None
    """SHA-256 of what the recipe says of its result, in hex, as `data_set_path` has it; None: likewise."""
    data_set_path: str = layout.DATA_SET_PATH
    token: str = layout.NODE_TOKEN_PATH
    """The directory with the token for the node."""
    package_path: str = layout.PACKAGE_PATH
    stage: str = layout.PROCESS
    """Whose outputs are the result: the last one."""
    before: tuple[tuple[str, int], ...] = ()
    """The stages before it, in order, and how many partitions each has."""
    results: tuple[str, ...] = ()
    """Those before it of whose outputs `layout.RESULT` is part of the result."""

    def stages(self) -> tuple[tuple[str, int], ...]:
        """All stages, in order, and how many partitions each has."""
        return (*self.before, (self.stage, self.partitions))

    def workspaces(self) -> list[str]:
        """The workspace of each partition of the last stage."""
        return self.workspaces_of(self.stage, self.partitions)

    def workspaces_of(self, stage: str, partitions: int) -> list[str]:
        """The workspace of each partition of a stage."""
        found = (layout.partition_workspace(self.run, number, stage) for number in range(partitions))
        return [f"{self.volume}/{workspace}" for workspace in found]

    def outputs(self) -> list[Outputs]:
        """The directories that the result is made of: all that the last stage left, and parts of others."""
        of_stage = f" of {self.stage}" if self.before else ""
        found = [
            Outputs(f"{workspace}/output_dir", f"{number}{of_stage}")
            for number, workspace in enumerate(self.workspaces())
        ]
        for stage, partitions in self.before:
            if stage in self.results:
                found += self._parts_of(stage, partitions)
        return found

    def _parts_of(self, stage: str, partitions: int) -> Iterator[Outputs]:
        for number, workspace in enumerate(self.workspaces_of(stage, partitions)):
            part = f"{workspace}/output_dir/{layout.RESULT}"
            if is_directory(part):
                yield Outputs(part, f"{number} of {stage}")
