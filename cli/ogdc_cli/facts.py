"""Formatting the facts of a run's tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ogdc_cli.amounts import size_in_words
from ogdc_shared.layout import REUSE_TASK, STAGES, task_name
from ogdc_shared.phases import REUSED, TERMINAL_PHASES
from ogdc_shared.several import first_commands

if TYPE_CHECKING:
    from ogdc_shared.api.answers import Facts, FileTotals, RunDetail

_HEADING = ("TASK", "STAGE", "PHASE", "FETCHED", "RAN", "SECONDS", "CPU", "MEMORY", "WROTE")


def rows(tasks: list[Facts]) -> list[tuple[str, ...]]:
    """Return a table of tasks with its heading; with a column for reused results if there are any."""
    tasks = sorted(tasks, key=_place)
    table = [_HEADING, *map(_row, tasks)]
    if not any(task.reused for task in tasks):
        return table
    width = len(_HEADING)
    reused = ["REUSED", *map(_reused, tasks)]
    return [(*row, *[""] * (width - len(row)), each) for row, each in zip(table, reused, strict=True)]


def _place(task: Facts) -> tuple[int, int]:
    """Return what tasks are sorted by: their stage, then their partition. A stage's listing comes first."""
    stages = (REUSE_TASK, *STAGES)
    stage = stages.index(task.stage) if task.stage in stages else len(stages)
    return stage, -1 if task.partition is None else task.partition


def _reused(task: Facts) -> str:
    if task.reused is None:
        return ""
    what = "all" if task.phase == REUSED else first_commands(task.reused.commands)
    return f"{what} from run {task.reused.run}"


def stages(run: RunDetail) -> list[str]:
    """Return the progress of each stage of a run, one line each; empty if there is a single stage."""
    if len(run.stages) < 2:
        return []
    return [f"stage {each.stage}: {_counted(each.counts)}" for each in run.stages]


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {phase}" for phase, number in sorted(counts.items()))


def _row(task: Facts) -> tuple[str, ...]:
    called = task.name if task.partition is None else task_name(task.stage, task.partition)
    named = (called, task.stage, task.phase)
    if task.facts is None:
        is_lost = task.partition is not None and task.phase in TERMINAL_PHASES
        return (*named, "not recorded") if is_lost else named
    totals = task.facts.totals
    ran = totals.ran
    return (
        *named,
        _files(totals.fetched),
        f"{ran.commands}" + (f", {ran.failed} failed" if ran.failed else ""),
        f"{ran.seconds:.1f}",
        f"{ran.cpu_seconds:.1f}",
        size_in_words(ran.max_memory),
        _files(totals.wrote),
    )


def _files(total: FileTotals) -> str:
    return f"{total.files} ({size_in_words(total.bytes)})" if total.files else "0"
