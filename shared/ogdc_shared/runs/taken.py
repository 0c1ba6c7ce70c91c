"""What a run has taken of earlier runs, as its task `reuse` has left it (see `ogdc_worker.reuse`)."""

from __future__ import annotations

import json
from typing import NamedTuple

from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.layout import reused_key
from ogdc_shared.storage.store import ArtifactNotFoundError


class TakenPartition(NamedTuple):
    """What was taken for a partition."""

    run: str
    """The run that made it."""
    commands: int
    """Of how many commands it is the result."""
    whole: bool
    """Whether nothing was left to do."""

    def to_text(self) -> str:
        """Say it in words."""
        if self.whole:
            return f"reused from run {self.run}"
        which = "command 1" if self.commands == 1 else f"commands 1 to {self.commands}"
        return f"{which} reused from run {self.run}"


def taken_partitions(context: Context, run: Run) -> dict[int, TakenPartition]:
    """Read what a run has taken, by partition; nothing where it has not (yet), or that is not known any more.

    Raises:
        StorageUnavailableError: the artifact store does not answer.
    """
    try:
        stored = json.loads(context.store.get(reused_key(run.name)))
        return {int(number): TakenPartition(*taken[:3]) for number, taken in stored.items()}
    except (ArtifactNotFoundError, ValueError, TypeError, AttributeError):
        return {}
