"""Results of earlier runs that a run reused, as reported by its task `reuse` (see `ogdc_worker.reuse`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.layout import reused_facts_key, reused_key
from ogdc_shared.several import first_commands
from ogdc_shared.storage.store import ArtifactNotFoundError


class TakenPartition(NamedTuple):
    """The result that was reused for a partition."""

    run: str
    """Name of the run that made it."""
    commands: int
    """Number of commands that it is the result of."""
    whole: bool
    """Whether these are all commands, so that no task is needed."""
    begin: int = 0
    """Offset of its task's facts in the object with all reused facts."""
    size: int = 0
    """Size of these facts in bytes; 0 if there are none."""

    def to_text(self) -> str:
        """Return a message."""
        if self.whole:
            return f"reused from run {self.run}"
        return f"{first_commands(self.commands)} reused from run {self.run}"


def taken_partitions(context: Context, run: Run) -> dict[int, TakenPartition]:
    """Read what a run has reused, by partition; empty if nothing, or if that was removed.

    Raises:
        StorageUnavailableError: the artifact store does not respond.
    """
    return _taken(context, run.name)


def _taken(context: Context, name: str) -> dict[int, TakenPartition]:
    try:
        stored = json.loads(context.store.get(reused_key(name)))
        return {int(number): TakenPartition(*taken[:5]) for number, taken in stored.items()}
    except (ArtifactNotFoundError, ValueError, TypeError, AttributeError):
        return {}


def taken_from(context: Context, name: str) -> set[str]:
    """Return the names of the runs whose results a run has reused; empty if none were recorded.

    Raises:
        StorageUnavailableError: the artifact store does not respond.
    """
    return {taken.run for taken in _taken(context, name).values()}


def taken_facts(context: Context, run: Run) -> Iterator[tuple[int, bytes]]:
    """Yield partition number and task facts of each completely reused partition.

    Raises:
        StorageUnavailableError: the artifact store does not respond.
    """
    whole = {number: each for number, each in taken_partitions(context, run).items() if each.whole}
    if not whole:
        return
    try:
        stored = context.store.get(reused_facts_key(run.name))
    except ArtifactNotFoundError:
        return
    for number, each in sorted(whole.items()):
        if each.size:
            yield number, stored[each.begin : each.begin + each.size]
