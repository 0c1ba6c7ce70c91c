"""Formatting a run's partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_cli.amounts import counted, size_in_words
from ogdc_cli.tasklog import plain
from ogdc_cli.terminal import printable
from ogdc_shared.shortening import shortened

if TYPE_CHECKING:
    from ogdc_shared.api.answers import Partition, Run

_MESSAGE = 100
"""Characters of a message; the run's own is printed whole."""


def summary(run: Run) -> str:
    """Return how a run's inputs are divided, and the number of partitions in each phase."""
    count = run.partitions
    if count is None:
        return "Its inputs are on volumes and not listed yet."
    begun = [f"{number} {phase}" for phase, number in sorted(run.partition_counts.items())]
    if left := count - sum(run.partition_counts.values()):
        begun.append(f"{left} not started")
    files = "" if run.input_files is None else f" of {counted(run.input_files, 'file')}"
    size = "" if run.input_bytes is None else f", {size_in_words(run.input_bytes)}"
    return f"{counted(count, 'partition')}{files}{size}: {', '.join(begun)}"


def rows(partitions: list[Partition]) -> list[tuple[str, ...]]:
    """Render a table of partitions, with its heading."""
    return [("PARTITION", "FILES", "SIZE", "PHASE", "MESSAGE"), *map(_row, partitions)]


def _row(partition: Partition) -> tuple[str, ...]:
    files, size = partition.files, partition.bytes
    return (
        str(partition.number),
        "?" if files is None else str(files),
        "?" if size is None else size_in_words(size),
        partition.phase or "not started",
        _in_a_line(partition.message or ""),
    )


def _in_a_line(message: str) -> str:
    line = printable(" ".join(plain(message).split()))
    return shortened(line, _MESSAGE)
