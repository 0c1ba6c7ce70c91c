"""A result is kept only if it is complete and was produced by the recorded programs."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ogdc_shared import layout, run_warnings
from ogdc_shared.errors import CommandFailedError
from ogdc_worker.process import partition
from support.crashes import killed
from support.reused_runs import ReusedRuns, let_clock_tick

ONE = [["a.txt"]]
WARNS = 'cp "$INPUT_DIR"/* "$OUTPUT_DIR"; echo "ERROR 4: something" >&2'


@pytest.fixture
def runs(tmp_path: Path) -> ReusedRuns:
    runs = ReusedRuns(tmp_path / "runs")
    runs.write(a="A")
    return runs


@pytest.mark.parametrize("step", ["leave_facts", "copy_facts"])
def test_results_of_a_task_killed_before_writing_its_facts_are_not_kept(
    runs: ReusedRuns, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def stop(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    stopped = runs.begin(WARNS, partitions=ONE)
    with monkeypatch.context() as patch:
        patch.setattr(partition, step, stop)
        assert killed(lambda: runs.process(stopped, 0))

    ended = runs.run(WARNS, partitions=ONE, unended=(stopped,))
    assert ended.left == [0]
    assert "something" in ended.warnings
    assert runs.run(WARNS, partitions=ONE).warnings == ended.warnings


def test_results_whose_facts_were_lost_in_a_crash_are_not_kept(runs: ReusedRuns) -> None:
    stopped = runs.begin(WARNS, partitions=ONE)
    runs.process(stopped, 0)
    (runs.workspace(stopped, 0) / "facts.json").unlink()

    assert runs.run(WARNS, partitions=ONE, unended=(stopped,)).left == [0]


@pytest.mark.parametrize(("shell_writes", "left"), [("5 Killed  tool", [0]), ("5 Terminated  tool", [])])
def test_results_of_a_line_with_a_killed_program_are_not_kept(
    runs: ReusedRuns, shell_writes: str, left: list[int]
) -> None:
    line = f'cp "$INPUT_DIR"/* "$OUTPUT_DIR"; echo "bash: line 1: {shell_writes}" >&2'
    runs.run(line, partitions=ONE)
    assert runs.run(line, partitions=ONE).left == left


def test_a_line_that_hides_a_program_killed_for_lack_of_memory_fails_and_nothing_is_kept(
    runs: ReusedRuns,
) -> None:
    count = runs.memory_events
    count.write_text("oom 4\noom_kill 3\n")
    line = f'cp "$INPUT_DIR"/* "$OUTPUT_DIR"; grep -q 5 {count} || echo oom_kill 5 > {count}'
    stopped = runs.begin(line, partitions=ONE)
    with pytest.raises(
        CommandFailedError, match=r"ended with exit code 0.*killed 2 programs.*resources\.memory"
    ):
        runs.process(stopped, 0)

    assert runs.run(line, partitions=ONE, unended=(stopped,)).left == [0]
    assert runs.run(line, partitions=ONE).left == []


def test_a_killed_program_that_may_be_of_another_process_is_a_warning(
    runs: ReusedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(layout.SHARED_CGROUP, "true")
    runs.memory_events.write_text("oom_kill 3\n")
    line = f'cp "$INPUT_DIR"/* "$OUTPUT_DIR"; echo oom_kill 4 > {runs.memory_events}'
    assert "of another process of the container" in runs.run(line, partitions=ONE).warnings
    assert runs.run(line, partitions=ONE).left == [0]


def test_nothing_is_kept_if_a_killed_program_was_none_of_a_command(
    runs: ReusedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It checked the outputs."""

    def check(task: Any, *_: Any) -> None:
        runs.memory_events.write_text(f"oom_kill {task._checkpoint.finished.count('run 1')}\n")

    runs.memory_events.write_text("oom_kill 0\n")
    with monkeypatch.context() as patch:
        patch.setattr(partition._Process, "_report_progress", check)
        runs.run(WARNS, partitions=ONE)
    assert runs.run(WARNS, partitions=ONE).left == [0]


def test_nothing_is_kept_if_the_list_of_warnings_is_full_and_may_lack_the_one_that_matters(
    runs: ReusedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_warnings, "MAX_WARNINGS", 1)
    line = f'{WARNS}; echo "bash: line 1: 5 Killed  tool" >&2'
    runs.run(line, partitions=ONE)
    assert runs.run(line, partitions=ONE).left == [0]


class TestPrograms:
    """`tool` writes its version. Its time of change is set, as `cp -p` does."""

    USES = 'tool > "$OUTPUT_DIR/out"'

    @pytest.fixture(autouse=True)
    def tool(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        tool = tmp_path / "bin" / "tool"
        tool.parent.mkdir()
        install(tool, "1")
        monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
        monkeypatch.delenv("OGDC_IMAGE", raising=False)
        return tool

    def test_a_result_is_kept_by_the_programs_that_made_it(self, runs: ReusedRuns) -> None:
        first = runs.run(self.USES, partitions=ONE)
        again = runs.run(self.USES, partitions=ONE)

        assert (again.left, first.result, again.result) == ([], again.result, {"out": b"1\n"})

    @pytest.mark.parametrize("image", ["", "worker:1"])
    def test_a_program_that_was_another_one_only_during_the_task_is_noticed(
        self, runs: ReusedRuns, tool: Path, monkeypatch: pytest.MonkeyPatch, image: str
    ) -> None:
        monkeypatch.setenv("OGDC_IMAGE", image)
        swap = r"printf '#!/bin/sh\necho {}\n' > {} && touch -d @1700000000 {}"
        meanwhile = " && ".join([swap.format(2, tool, tool), self.USES, swap.format(1, tool, tool)])
        runs.run(meanwhile, partitions=ONE)

        assert runs.run(meanwhile, partitions=ONE).left == [0]

    def test_a_program_that_changes_after_some_partitions_ran_is_noticed(
        self, runs: ReusedRuns, tool: Path
    ) -> None:
        runs.write(b="B")
        both = [["a.txt"], ["b.txt"]]
        uses = f'{self.USES}-$(ls "$INPUT_DIR")'
        name = runs.begin(uses, partitions=both)
        runs.process(name, 0)
        install(tool, "22")
        runs.process(name, 1)
        runs.publish(name, 2, left=[0, 1], taken={})
        install(tool, "1")

        ended = runs.run(uses, partitions=both)
        assert (ended.left, ended.result) == ([0, 1], {"out-a.txt": b"1\n", "out-b.txt": b"1\n"})


def install(tool: Path, version: str) -> None:
    tool.write_text(f"#!/bin/sh\necho {version}\n")
    tool.chmod(0o755)
    os.utime(tool, (1_700_000_000, 1_700_000_000))
    let_clock_tick(tool)
