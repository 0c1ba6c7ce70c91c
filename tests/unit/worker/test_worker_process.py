"""Processing: commands run in order on what the one before wrote, whatever interrupts the task."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from ogdc_shared.errors import (
    CommandFailedError,
    ConfigurationError,
    InputError,
    IntegrityError,
    UnusableInputError,
)
from ogdc_shared.plan import InputFile
from support.crashes import crashes
from support.partition import PartitionTask, recipe_files
from support.trees import plant, tree

COMMANDS = (
    'cp -r "$INPUT_DIR"/. "$OUTPUT_DIR" && mkdir "$OUTPUT_DIR/deep" && echo one > "$OUTPUT_DIR/deep/.hidden"',
    'cd "$INPUT_DIR" && find . -type f | sort > "$OUTPUT_DIR/names" && cp -r deep "$OUTPUT_DIR/same"',
    'cat "$INPUT_DIR/names" "$INPUT_DIR/same/.hidden" > "$OUTPUT_DIR/same" && ln -s same "$OUTPUT_DIR/link"',
)


@pytest.fixture
def task(tmp_path: Path) -> PartitionTask:
    return PartitionTask(tmp_path / "task")


def test_each_command_reads_what_the_one_before_wrote(task: PartitionTask) -> None:
    task.prepare(*COMMANDS, files=recipe_files("a.txt", "sub/b.txt"))
    task.run()
    assert tree(task.outputs) == {
        "link": "same",
        "same": b"./a.txt\n./b.txt\n./deep/.hidden\none\n",
    }
    assert (task.directory / "progress").read_text() == "3/3\n"


def test_only_the_last_outputs_and_what_was_done_stay(task: PartitionTask) -> None:
    task.prepare(*COMMANDS, files=recipe_files("a.txt"))
    task.run()
    assert set(tree(task.workspace)) == {
        "input_dir",
        "output_dir",
        "output_dir/link",
        "output_dir/same",
        "checkpoint",
        "journal",
    }
    assert tree(task.directory / "scratch") == {}


@pytest.mark.parametrize("last", ["false # .tif", 'echo > "$OUTPUT_DIR/a.txt" # .tif'])
def test_what_gets_ready_for_results_ends_with_the_task(task: PartitionTask, last: str) -> None:
    before = _children()
    task.prepare("echo first", last, checks=True)
    with suppress(CommandFailedError):
        task.run()
    assert _children() <= before


def _children() -> set[str]:
    """The ids of this thread's children, ended or not."""
    return set(Path("/proc/thread-self/children").read_text().split())


@pytest.mark.parametrize("name", ["input_dir", "output_dir"])
def test_what_an_earlier_try_put_in_a_directorys_place_is_not_used(task: PartitionTask, name: str) -> None:
    """The kubelet mounts what a link leads to, anywhere on the volume."""
    task.prepare('rm -r "$INPUT_DIR"/* "$OUTPUT_DIR"/*; true', files=recipe_files("a.txt"))
    theirs = task.directory / "theirs"
    plant(theirs, {"data": b"7"})
    (task.workspace / name).rmdir()
    (task.workspace / name).symlink_to(theirs)

    with pytest.raises(IntegrityError, match=rf"{name} .* a command has replaced it"):
        task.run()
    assert tree(theirs) == {"data": b"7"}


@pytest.mark.parametrize("name", ["input_dir", "output_dir"])
def test_a_mount_of_another_directory_is_not_used(task: PartitionTask, name: str) -> None:
    task.prepare('rm -r "$INPUT_DIR"/* "$OUTPUT_DIR"/*; true', files=recipe_files("a.txt"))
    theirs = task.directory / "theirs"
    plant(theirs, {"data": b"7"})
    task.paths = task.paths._replace(**{name: str(theirs)})

    with pytest.raises(IntegrityError, match=f"{theirs} is not the directory"):
        task.run()
    assert tree(theirs) == {"data": b"7"}


def test_a_command_works_in_a_directory_that_nobody_keeps(task: PartitionTask) -> None:
    task.prepare('touch left; pwd > "$OUTPUT_DIR/where"; ls -A > "$OUTPUT_DIR/before"', "ls -A")
    task.run()
    assert tree(task.directory / "scratch") == {}


def test_every_command_finds_the_recipes_own_files_and_changes_none(task: PartitionTask) -> None:
    task.prepare(
        '. "$RECIPE_DIR/a.txt" 2>/dev/null; cat "$RECIPE_DIR/sub/b.txt" > "$OUTPUT_DIR/b"',
        'cp "$INPUT_DIR/b" "$OUTPUT_DIR/b"; cat "$RECIPE_DIR/sub/b.txt" >> "$OUTPUT_DIR/b"; '
        'stat -c %a "$RECIPE_DIR" "$RECIPE_DIR/sub" "$RECIPE_DIR/a.txt" > "$OUTPUT_DIR/modes"',
    )
    task.run()
    modes = (task.outputs / "modes").read_text().split()
    assert all(int(mode, 8) & 0o222 == 0 for mode in modes)
    assert (task.outputs / "b").read_bytes() == b"BB"


def test_a_task_without_inputs_runs(task: PartitionTask) -> None:
    task.prepare('ls -A "$INPUT_DIR" > "$OUTPUT_DIR/list"')
    task.run()
    assert tree(task.outputs) == {"list": b""}


def test_a_finished_task_does_nothing_when_started_again(
    task: PartitionTask, capfd: pytest.CaptureFixture[str]
) -> None:
    task.prepare(*COMMANDS, files=recipe_files("a.txt"))
    task.run()
    before = tree(task.outputs)
    capfd.readouterr()
    task.run()
    assert tree(task.outputs) == before
    assert [json.loads(line)["event"] for line in capfd.readouterr().out.splitlines()] == ["resumed"]


def test_a_failing_command_is_named_and_later_tried_again_alone(
    task: PartitionTask, capfd: pytest.CaptureFixture[str]
) -> None:
    task.prepare(
        'echo first >> "$OUTPUT_DIR/../trace"; echo 1 > "$OUTPUT_DIR/x"',
        'echo second >> "$OUTPUT_DIR/../trace"; echo half > "$OUTPUT_DIR/half"; echo no such tile >&2; '
        'test -e "$OUTPUT_DIR/../mended" && cp "$INPUT_DIR/x" "$OUTPUT_DIR/y"',
    )
    with pytest.raises(CommandFailedError) as failure:
        task.run()
    assert (failure.value.number, failure.value.exit_code) == (2, 1)
    assert str(failure.value).startswith("command 2 of 2 failed with exit code 1: echo second >>")
    assert str(failure.value).endswith(" — it wrote: no such tile")
    (task.workspace / "mended").write_text("")
    (task.outputs / "left over").write_text("")
    capfd.readouterr()
    task.run()
    assert (task.workspace / "trace").read_text().split() == ["first", "second", "second"]
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    (before,) = (event["message"] for event in events if event["event"] == "failed_before")
    assert before == str(failure.value)
    assert tree(task.outputs) == {"half": b"half\n", "y": b"1\n"}


def test_a_strict_plan_fails_with_any_program_and_names_its_file(task: PartitionTask) -> None:
    loop = 'for f in a b c; do test "$f" != b; done; echo on > "$OUTPUT_DIR/x"'
    words = ("bash", "-e", "-u", "-o", "pipefail", "-c")
    task.prepare(loop, shell=words, strict=True)
    with pytest.raises(CommandFailedError, match=r'— in: test "\$f" != b · f=b$'):
        task.run()
    assert os.listdir(task.directory / "scratch") == []
    task.prepare(loop)  # as plans had it before there was a choice
    task.run()
    assert tree(task.outputs) == {"x": b"on\n"}


@pytest.mark.parametrize(
    ("command", "timeout", "message"),
    [
        ("exit 3", 600, "command 1 of 1 failed with exit code 3: exit 3"),
        (
            "kill -9 $$",
            600,
            "command 1 of 1 failed with exit code 137 (killed, most often for want of memory",
        ),
        ("sleep 9", 0.2, "command 1 of 1 was stopped after 0.2 seconds, its timeout: sleep 9"),
    ],
)
def test_the_way_a_command_failed_is_reported(
    task: PartitionTask, command: str, timeout: float, message: str
) -> None:
    task.prepare(command, command_timeout=timeout)
    with pytest.raises(CommandFailedError) as failure:
        task.run()
    assert str(failure.value).startswith(message)


def test_directories_without_rights_are_handed_on(task: PartitionTask) -> None:
    task.prepare(
        'mkdir -p "$OUTPUT_DIR/ro" && touch "$OUTPUT_DIR/ro/x" && chmod 555 "$OUTPUT_DIR/ro"',
        'ls "$INPUT_DIR/ro" > "$OUTPUT_DIR/list"',
    )
    task.run()
    assert tree(task.outputs) == {"list": b"x\n"}


def test_a_checkpoint_of_another_plan_is_refused(task: PartitionTask) -> None:
    task.prepare("true")
    (task.workspace / "checkpoint").write_text("fetch\nrun 7\n")
    with pytest.raises(ConfigurationError, match="another plan"):
        task.run()


@pytest.mark.parametrize("source", ["../plan.json", "/etc/passwd", "sub", "none", "link", "", ".", "a\0b"])
def test_only_files_of_the_recipe_are_taken_from_it(task: PartitionTask, source: str) -> None:
    task.prepare("true", files=recipe_files(source))
    (task.directory / "recipe/link").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="recipe has no file"):
        task.run()


@pytest.mark.slow
def test_a_kill_at_any_moment_repeats_no_finished_command_and_loses_no_file(task: PartitionTask) -> None:
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
        task.run()
        assert tree(task.outputs) == undisturbed
        for number in "123":
            repeated = trace()[number] - before[number]
            assert repeated == (0 if f"run {number}" in finished else 1)
    assert moments > 30


def test_two_files_of_the_recipe_with_one_name_are_refused_with_both(task: PartitionTask) -> None:
    files = (InputFile("a.txt", kind="recipe"), InputFile("sub/b.txt", kind="recipe", name="a.txt"))
    task.prepare("true", files=files)
    with pytest.raises(UnusableInputError, match=r"the name 'a.txt': 'a.txt' and 'sub/b.txt'"):
        task.run()
