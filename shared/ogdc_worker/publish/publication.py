"""The parameters of `publish`, and paths derived from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared import layout
from ogdc_shared.walking import is_directory
from ogdc_worker.publish.output_check import Outputs
from ogdc_worker.publish.rights import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Iterator


class Publication(NamedTuple):
    """What to publish."""

    run: str
    recipe_id: str
    partitions: int
    output: str
    """An `OutputType`."""
    overwrite: bool = False
    """Whether to replace data that another run has published."""
    volume: str = layout.WORKFLOW_MOUNT
    zip_path: str = layout.OUTPUT_ZIP_PATH
    warnings_path: str = layout.WARNINGS_PATH
    description: str = layout.DESCRIPTION_PATH
    """The run's description for its crate; missing in workflows of earlier versions."""
    recipe: str = layout.RECIPE_PATH
    """The recipe as submitted; missing in workflows of earlier versions."""
    rights: str = PUBLISHED
    """Permissions of a published directory, as for chmod."""
    allowed_failures: str | None = None
    """How many items may be missing, as a number or percentage; None if items are not recorded."""
    reuse: str | None = None
    """The scope for keeping results (see `plan.Reuse`), or None to keep none."""
    reuse_bytes: int = 20 << 30
    """Size limit of the kept results of all scopes."""
    node: str | None = None
    """The member node to upload a package to, or None."""
    data_set: str | None = None
    """SHA-256 of the metadata at `data_set_path`, in hex, or None."""
    data_set_path: str = layout.DATA_SET_PATH
    token: str = layout.NODE_TOKEN_PATH
    """The directory with the token for the node."""
    package_path: str = layout.PACKAGE_PATH
    stage: str = layout.PROCESS
    """The last stage, whose outputs are the result."""
    before: tuple[tuple[str, int], ...] = ()
    """The earlier stages and their numbers of partitions, in order."""
    results: tuple[str, ...] = ()
    """Earlier stages with a `layout.RESULT` directory that is part of the result."""

    def stages(self) -> tuple[tuple[str, int], ...]:
        """Return all stages and their numbers of partitions, in order."""
        return (*self.before, (self.stage, self.partitions))

    def workspaces(self) -> list[str]:
        """Return the workspaces of the last stage's partitions."""
        return self.workspaces_of(self.stage, self.partitions)

    def workspaces_of(self, stage: str, partitions: int) -> list[str]:
        """Return the workspaces of a stage's partitions."""
        found = (layout.partition_workspace(self.run, number, stage) for number in range(partitions))
        return [f"{self.volume}/{workspace}" for workspace in found]

    def outputs(self) -> list[Outputs]:
        """Return the directories that make up the result: the last stage's outputs, and parts of others."""
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
