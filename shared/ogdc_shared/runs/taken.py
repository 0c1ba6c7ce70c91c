"""Results of earlier runs that a run reused, as reported by its task `reuse` (see `ogdc_worker.reuse`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from ogdc_shared.context import Context
from ogdc_shared.db.runs import Run
from ogdc_shared.layout import reused_facts_key, reused_key
from ogdc_shared.storage.store import ArtifactNotFoundError


class TakenPartition(NamedTuple):
    """What was taken for a partition."""

    run: str
    """The run that made it."""
    commands: int
    """Of how many commands it is the result."""
    whole: bool
    """Whether nothing was left to do."""
    begin: int = 0
    """Where in the object of all such facts those of its task begin."""
    size: int = 0
    """Their bytes; 0: none were kept."""

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
    return _taken(context, run.name)


def _taken(context: Context, name: str) -> dict[int, TakenPartition]:
    try:
        stored = json.loads(context.store.get(reused_key(name)))
        return {int(number): TakenPartition(*taken[:5]) for number, taken in stored.items()}
    except (ArtifactNotFoundError, ValueError, TypeError, AttributeError):
        return {}


def taken_from(context: Context, name: str) -> set[str]:
    """Read of which runs a run has taken results; of none where it has left nothing that says so.

    Raises:
        StorageUnavailableError: the artifact store does not answer.
    """
    return {taken.run for taken in _taken(context, name).values()}


def taken_facts(context: Context, run: Run) -> Iterator[tuple[int, bytes]]:
    """Yield the facts of each task whose result was taken whole, with the partition that it is of here.

    Raises:
        StorageUnavailableError: the artifact store does not answer.
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
