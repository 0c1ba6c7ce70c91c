"""A run's tasks and stages in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from ogdc_cli.facts import rows, stages
from ogdc_shared.api.answers import (
    CommandTotals,
    Facts,
    FactsSummary,
    FileTotals,
    RunDetail,
    Stage,
    Taken,
    TaskTotals,
)

RAN = CommandTotals(commands=3, failed=1, seconds=1.52, cpu_seconds=0.5, max_memory=2**20)
TOTALS = TaskTotals(fetched=FileTotals(2, 2048), ran=RAN, wrote=FileTotals(1, 7))
TASK = Facts(name="process(0:0)", stage="process", partition=0, phase="Failed", facts=None, url=None)


def run(*found: Stage) -> RunDetail:
    return cast(RunDetail, SimpleNamespace(stages=list(found)))


def test_a_task_is_a_row() -> None:
    summary: Any = FactsSummary(succeeded=False, totals=TOTALS)
    _, row = rows([Facts("process(0:0)", "process", 0, "Failed", summary, "http://x/y")])
    assert row[:3] == ("process/0", "process", "Failed")
    assert row[4:7] == ("3, 1 failed", "1.5", "0.5")
    assert [cell.split()[0] for cell in (row[3], row[8])] == ["2", "1"]


def test_facts_of_an_ended_task_that_left_none_are_not_recorded() -> None:
    _, row, publish = rows([TASK, Facts("publish", "publish", None, "Succeeded", None, None)])
    assert row[3:] == ("not recorded",)
    assert publish[3:] == ()


def test_reused_partitions_are_marked_in_a_column() -> None:
    summary: Any = FactsSummary(succeeded=True, totals=TOTALS)
    ran = Facts("process(0:1)", "process", 1, "Succeeded", summary, None, Taken("lakes-a", 2))
    whole = Facts("process(0:0)", "process", 0, "Reused", None, None, Taken("lakes-b", 3))
    heading, last, first, publish = rows(
        [ran, Facts("publish", "publish", None, "Failed", None, None), whole]
    )
    assert {len(row) for row in (heading, first, publish, last)} == {10}
    assert (heading[9], first[9], publish[9]) == ("REUSED", "commands 1 and 2 from run lakes-a", "")
    assert last[2:] == ("Reused", "", "", "", "", "", "", "all from run lakes-b")


def test_tasks_are_listed_by_stage_and_partition() -> None:
    stages = ("publish", None), ("top", 0), ("build", 1), ("reuse", None), ("build", None), ("process", 0)
    tasks = [Facts(stage, stage, partition, "Running", None, None) for stage, partition in stages]
    assert [row[0] for row in rows(tasks)[1:]] == [
        *("reuse", "process/0", "build", "build/1", "top/0", "publish")
    ]


def test_stages_are_shown_if_there_are_several() -> None:
    process = Stage("process", 2, {"Succeeded": 2})
    tiles = Stage("tiles", 3, {"Succeeded": 1, "Running": 2})
    assert stages(run(process, tiles)) == [
        "stage process: 2 Succeeded",
        "stage tiles: 2 Running, 1 Succeeded",
    ]
    assert stages(run(process)) == stages(run()) == []
