"""Processing: commands run in order on what the one before wrote, whatever interrupts the task."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from ogdc_shared.errors import CommandFailedError, ConfigurationError, InputError, UnsupportedError
from ogdc_shared.plan import Command, InputFile, Partition, Plan
from ogdc_shared.worker.process import Places, process
from ogdc_shared.worker.report import Reporter
from support.crashes import crashes, killed
from support.trees import plant, tree

COMMANDS = (
    'cp -r "$INPUT_DIR"/. "$OUTPUT_DIR" && mkdir "$OUTPUT_DIR/deep" && echo one > "$OUTPUT_DIR/deep/.hidden"',
    'cd "$INPUT_DIR" && find . -type f | sort > "$OUTPUT_DIR/names" && cp -r deep "$OUTPUT_DIR/same"',
    'cat "$INPUT_DIR/names" "$INPUT_DIR/same/.hidden" > "$OUTPUT_DIR/same" && ln -s same "$OUTPUT_DIR/link"',
)


def recipe_files(*names: str) -> tuple[InputFile, ...]:
    return tuple(InputFile(source=name, kind="recipe") for name in names)


class Task:
    """A partition in plain directories."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.workspace = directory / "workspace"
        self.outputs = self.workspace / "output_dir"
        self.places = Places(
            workspace=str(self.workspace),
            input_dir=str(self.workspace / "input_dir"),
            output_dir=str(self.outputs),
            plan=str(directory / "plan.json"),
            partition=str(directory / "partition.json"),
            recipe=str(directory / "recipe"),
            scratch=str(directory / "scratch"),
        )

    def prepare(
        self, *commands: str, files: tuple[InputFile, ...] = (), timeout: float | None = None
    ) -> None:
        """Begin anew with these commands."""
        os.system(f"rm -rf {self.directory}/*")
        plant(self.workspace, {"input_dir": None, "output_dir": None})
        plant(self.directory, {"scratch": None, "recipe/a.txt": b"A", "recipe/sub/b.txt": b"B"})
        lines = tuple(Command(text=text, line=number) for number, text in enumerate(commands, start=1))
        plan = Plan(recipe_id="x", commands=lines, command_timeout=timeout)
        (self.directory / "plan.json").write_text(plan.to_json())
        (self.directory / "partition.json").write_text(Partition(number=0, files=files).to_json())

    def run(self) -> None:
        process(self.places, Reporter(progress_file=str(self.directory / "progress")))

    def finished(self) -> list[str]:
        checkpoint = self.workspace / "checkpoint"
        return checkpoint.read_text().splitlines() if checkpoint.exists() else []


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(tmp_path / "task")


def test_each_command_reads_what_the_one_before_wrote(task: Task) -> None:
    task.prepare(*COMMANDS, files=recipe_files("a.txt", "sub/b.txt"))
    task.run()
    assert tree(task.outputs) == {
        "link": "same",
        "same": b"./a.txt\n./b.txt\n./deep/.hidden\none\n",
    }
    assert (task.directory / "progress").read_text() == "3/3\n"


def test_only_the_last_outputs_and_the_checkpoint_stay(task: Task) -> None:
    task.prepare(*COMMANDS, files=recipe_files("a.txt"))
    task.run()
    assert set(tree(task.workspace)) == {
        "input_dir",
        "output_dir",
        "output_dir/link",
        "output_dir/same",
        "checkpoint",
    }
    assert tree(task.directory / "scratch") == {}


def test_a_command_works_in_a_directory_that_nobody_keeps(task: Task) -> None:
    task.prepare('touch left; pwd > "$OUTPUT_DIR/where"; ls -A > "$OUTPUT_DIR/before"', "ls -A")
    task.run()
    assert tree(task.directory / "scratch") == {}


def test_a_task_without_inputs_runs(task: Task) -> None:
    task.prepare('ls -A "$INPUT_DIR" > "$OUTPUT_DIR/list"')
    task.run()
    assert tree(task.outputs) == {"list": b""}


def test_a_finished_task_does_nothing_when_started_again(
    task: Task, capfd: pytest.CaptureFixture[str]
) -> None:
    task.prepare(*COMMANDS, files=recipe_files("a.txt"))
    task.run()
    before = tree(task.outputs)
    capfd.readouterr()
    task.run()
    assert tree(task.outputs) == before
    assert [json.loads(line)["event"] for line in capfd.readouterr().out.splitlines()] == ["resumed"]


def test_a_failing_command_is_named_and_later_tried_again_alone(task: Task) -> None:
    task.prepare(
        'echo first >> "$OUTPUT_DIR/../trace"; echo 1 > "$OUTPUT_DIR/x"',
        'echo second >> "$OUTPUT_DIR/../trace"; echo half > "$OUTPUT_DIR/half"; echo no such tile >&2; '
        'test -e "$OUTPUT_DIR/../mended" && cp "$INPUT_DIR/x" "$OUTPUT_DIR/y"',
    )
    with pytest.raises(CommandFailedError) as failure:
        task.run()
    assert (failure.value.number, failure.value.exit_code) == (2, 1)
    assert str(failure.value).startswith("command 2 of 2 failed with exit code 1: echo second >>")
    assert str(failure.value).endswith(" — stderr: no such tile")
    (task.workspace / "mended").write_text("")
    (task.outputs / "left over").write_text("")
    task.run()
    assert (task.workspace / "trace").read_text().split() == ["first", "second", "second"]
    assert tree(task.outputs) == {"half": b"half\n", "y": b"1\n"}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("exit 3", "command 1 of 1 failed with exit code 3: exit 3"),
        ("kill -9 $$", "command 1 of 1 failed with exit code 137 (killed, most often for want of memory"),
        ("sleep 9", "command 1 of 1 was stopped after 0.2 seconds, its timeout: sleep 9"),
    ],
)
def test_how_a_command_failed_is_said(task: Task, command: str, said: str) -> None:
    task.prepare(command, timeout=0.2)
    with pytest.raises(CommandFailedError) as failure:
        task.run()
    assert str(failure.value).startswith(said)


def test_directories_without_rights_are_handed_on(task: Task) -> None:
    task.prepare(
        'mkdir -p "$OUTPUT_DIR/ro" && touch "$OUTPUT_DIR/ro/x" && chmod 555 "$OUTPUT_DIR/ro"',
        'ls "$INPUT_DIR/ro" > "$OUTPUT_DIR/list"',
    )
    task.run()
    assert tree(task.outputs) == {"list": b"x\n"}


def test_a_checkpoint_of_another_plan_is_refused(task: Task) -> None:
    task.prepare("true")
    (task.workspace / "checkpoint").write_text("fetch\nrun 7\n")
    with pytest.raises(ConfigurationError, match="another plan"):
        task.run()


def test_commands_per_file_are_refused_by_name(task: Task) -> None:
    task.prepare("true")
    plan = Plan(recipe_id="x", commands=(), per_file=True)
    (task.directory / "plan.json").write_text(plan.to_json())
    with pytest.raises(UnsupportedError, match="once per file"):
        task.run()


@pytest.mark.parametrize("source", ["../plan.json", "/etc/passwd", "sub", "none", "link", "", ".", "a\0b"])
def test_only_files_of_the_recipe_are_taken_from_it(task: Task, source: str) -> None:
    task.prepare("true", files=recipe_files(source))
    (task.directory / "recipe/link").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="recipe has no file"):
        task.run()


def test_a_kill_at_any_moment_repeats_no_finished_command_and_loses_no_file(task: Task) -> None:
    """The commands are made of the shell's builtins, since they run a few hundred times."""
    step = (
        'echo {} >> "$OUTPUT_DIR/../trace"; read line < "$INPUT_DIR/a.txt"; '
        'for name in a.txt .b c; do echo "$line {}" > "$OUTPUT_DIR/$name"; done'
    )
    commands = [step.replace("{}", number) for number in "123"]
    task.prepare(*commands, files=recipe_files("a.txt", "sub/b.txt"))
    task.run()
    undisturbed = tree(task.outputs)
    assert undisturbed == dict.fromkeys(["a.txt", ".b", "c"], b"A 1 2 3\n")

    def trace() -> Counter[str]:
        path = task.workspace / "trace"
        return Counter(path.read_text().split() if path.exists() else [])

    moments = 0
    for _ in crashes(lambda: task.prepare(*commands, files=recipe_files("a.txt", "sub/b.txt")), task.run):
        moments += 1
        finished, before = task.finished(), trace()
        assert not killed(task.run)
        assert tree(task.outputs) == undisturbed
        for number in "123":
            repeated = trace()[number] - before[number]
            assert repeated == (0 if f"run {number}" in finished else 1)
    assert moments > 50
