"""Processing file by file: each command once for each file, whatever interrupts the task."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from ogdc_shared.errors import CommandFailedError, PublishError
from ogdc_shared.plan import InputFile
from support.crashes import crashes, killed
from support.partition import PartitionTask, recipe_files
from support.trees import plant, tree

COPY = 'cp "$INPUT_FILE" "$OUTPUT_FILE"'
FILES = recipe_files("one.txt", "three.txt", "two.txt")


@pytest.fixture
def task(tmp_path: Path) -> PartitionTask:
    return PartitionTask(tmp_path / "task")


def prepare(task: PartitionTask, *commands: str, files: tuple[InputFile, ...] = FILES) -> None:
    task.prepare(*commands, files=files, per_file=True)
    plant(task.directory / "recipe", {file.source: f"{file.source}\n".encode() for file in files})


def test_each_command_runs_once_for_each_file_there_is(task: PartitionTask) -> None:
    prepare(
        task,
        'tr a-z A-Z < "$INPUT_FILE" > "$OUTPUT_FILE"',
        'cp "$INPUT_FILE" "$OUTPUT_DIR/$(basename "$INPUT_FILE" .txt).a"; cp "$INPUT_FILE" "$OUTPUT_FILE"',
        'wc -c < "$INPUT_FILE" > "$OUTPUT_FILE"; echo "$INPUT_FILE" >> "$INPUT_DIR/../seen"',
    )
    task.run()
    assert tree(task.outputs) == {
        **{"one.a": b"8\n", "three.a": b"10\n", "two.a": b"8\n"},
        **{"one.txt": b"8\n", "three.txt": b"10\n", "two.txt": b"8\n"},
    }
    names = ["one.a", "one.txt", "three.a", "three.txt", "two.a", "two.txt"]
    seen = (task.workspace / "seen").read_text().splitlines()
    assert seen == [f"{task.places.input_dir}/{name}" for name in names]


def test_directories_of_several_files_are_merged(task: PartitionTask) -> None:
    prepare(task, 'mkdir -p "$OUTPUT_DIR/tiles/0"; cp "$INPUT_FILE" "$OUTPUT_DIR/tiles/0/"')
    task.run()
    assert set(tree(task.outputs)) == {"tiles", "tiles/0", *(f"tiles/0/{file.source}" for file in FILES)}


def test_what_lies_beside_the_files_is_there_for_the_next_command_and_runs_nothing(
    task: PartitionTask,
) -> None:
    prepare(
        task,
        'cp "$INPUT_FILE" "$OUTPUT_FILE"; cp "$INPUT_FILE" "$OUTPUT_DIR/.$(basename "$INPUT_FILE")"; '
        'mkdir -p "$OUTPUT_DIR/more"; cp "$INPUT_FILE" "$OUTPUT_DIR/more/"',
        'cat "$INPUT_DIR/.two.txt" "$INPUT_DIR/more/one.txt" > "$OUTPUT_FILE"',
    )
    task.run()
    assert tree(task.outputs) == {file.source: b"two.txt\none.txt\n" for file in FILES}


def test_what_a_command_leaves_beside_its_input_is_no_further_input(task: PartitionTask) -> None:
    prepare(
        task, f'touch "$INPUT_FILE.aux.xml"; cp "$INPUT_FILE" "$OUTPUT_FILE"; test -e {task.directory}/ok'
    )
    with pytest.raises(CommandFailedError):
        task.run()
    plant(task.directory, {"ok": b""})
    task.run()
    assert set(tree(task.outputs)) == {file.source for file in FILES}


def test_a_hidden_input_is_an_input(task: PartitionTask) -> None:
    prepare(task, 'cp "$INPUT_FILE" "$OUTPUT_DIR/seen"', files=recipe_files(".hidden"))
    task.run()
    assert tree(task.outputs) == {"seen": b".hidden\n"}


def test_commands_that_leave_nothing_end_the_chain(task: PartitionTask) -> None:
    prepare(task, "true", 'touch "$OUTPUT_DIR/ran"')
    task.run()
    assert tree(task.outputs) == {}


def test_a_file_on_a_volume_is_read_where_it_is(task: PartitionTask, tmp_path: Path) -> None:
    plant(tmp_path / "volume", {"2024/tile": b"new", "2023/tile": b"old"})
    sources = [str(tmp_path / "volume" / year / "tile") for year in ("2023", "2024")]
    files = tuple(InputFile(source, kind="volume", size=3) for source in sources)
    year = '$(basename "$(dirname "$INPUT_FILE")")'
    task.prepare(
        f'cp "$INPUT_FILE" "$OUTPUT_DIR/{year}"',
        'cp "$INPUT_FILE" "$OUTPUT_FILE"',
        files=files,
        per_file=True,
    )
    task.run()
    assert tree(task.outputs) == {"2023": b"old", "2024": b"new"}


def test_a_failure_names_the_file_and_the_command(task: PartitionTask) -> None:
    prepare(
        task,
        COPY,
        f'case "$INPUT_FILE" in */three.txt) echo no such layer >&2; exit 4;; esac; {COPY}',
    )
    with pytest.raises(CommandFailedError) as failure:
        task.run()
    assert (failure.value.number, failure.value.exit_code) == (2, 4)
    path = f"{task.places.input_dir}/three.txt"
    assert str(failure.value).startswith(f"command 2 of 2, for {path!r}, failed with exit code 4: case ")
    assert str(failure.value).endswith("no such layer")


def test_another_try_runs_only_what_is_left(task: PartitionTask) -> None:
    trace = 'echo "$(basename "$INPUT_FILE")" >> "$OUTPUT_DIR/../trace"; '
    prepare(
        task,
        trace + 'cp "$INPUT_FILE" "$OUTPUT_FILE"; case "$INPUT_FILE" in */three.txt) test -e ../../ok; esac',
    )
    with pytest.raises(CommandFailedError):
        task.run()
    plant(task.directory, {"ok": b""})
    task.run()
    assert (task.workspace / "trace").read_text().split() == ["one.txt", "three.txt", "three.txt", "two.txt"]
    assert set(tree(task.outputs)) == {file.source for file in FILES}


def test_a_name_written_for_two_files_is_refused_with_both(task: PartitionTask) -> None:
    prepare(task, 'cp "$INPUT_FILE" "$OUTPUT_DIR/same.txt"')
    for _ in range(2):
        with pytest.raises(PublishError) as refusal:
            task.run()
        for said in ("command 1 wrote 'same.txt'", "/one.txt'", "/three.txt'", "$OUTPUT_FILE"):
            assert said in str(refusal.value)


def test_progress_counts_files(task: PartitionTask, capfd: pytest.CaptureFixture[str]) -> None:
    progress = task.directory / "progress"
    copy = f'cp "$INPUT_FILE" "$OUTPUT_FILE"; cat {progress} >> "$OUTPUT_DIR/../progress-seen"'
    prepare(task, copy, copy)
    task.run()
    seen = (task.workspace / "progress-seen").read_text().split()
    assert seen == ["0/6", "1/6", "2/6", "3/6", "4/6", "5/6"]
    assert progress.read_text() == "6/6\n"
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    finished = [event["file"].rpartition("/")[2] for event in events if event["event"] == "command_finished"]
    assert finished == ["one.txt", "three.txt", "two.txt"] * 2


def test_only_the_outputs_and_the_checkpoint_stay(task: PartitionTask) -> None:
    prepare(task, 'cp "$INPUT_FILE" "$OUTPUT_FILE"')
    task.run()
    assert {path.name for path in task.workspace.iterdir()} == {"input_dir", "output_dir", "checkpoint"}
    assert tree(task.workspace / "input_dir") == {}


@pytest.mark.parametrize("names", [["a.txt"], ["a.txt", "b.txt"]])
def test_a_kill_at_any_moment_repeats_no_finished_file_and_loses_none(
    task: PartitionTask, names: list[str]
) -> None:
    """The commands are made of the shell's builtins, since they run several hundred times."""
    step = (
        'name="${INPUT_FILE##*/}"; echo "{}${name%.txt}" >> "$OUTPUT_DIR/../trace"; '
        'read line < "$INPUT_FILE"; echo junk > "$INPUT_FILE.aux"; echo "$line {}" > "$OUTPUT_FILE"'
    )
    commands = [step.replace("{}", number) for number in "12"]
    files = recipe_files(*names)
    prepare(task, *commands, files=files)
    task.run()
    undisturbed = tree(task.outputs)
    assert undisturbed == {name: f"{name} 1 2\n".encode() for name in names}

    def trace() -> Counter[str]:
        path = task.workspace / "trace"
        return Counter(path.read_text().split() if path.exists() else [])

    moments = 0
    for _ in crashes(lambda: prepare(task, *commands, files=files), task.run):
        moments += 1
        recorded, before = task.finished(), trace()
        assert not killed(task.run)
        assert tree(task.outputs) == undisturbed
        for number in (1, 2):
            before_it = f"hand on {number - 1}" if number > 1 else "place"
            its_own = recorded[recorded.index(before_it) :] if before_it in recorded else []
            for index, name in enumerate(names):
                finished = f"run {number}" in its_own or f" ran {index}" in its_own
                repeated = trace()[f"{number}{name[0]}"] - before[f"{number}{name[0]}"]
                assert repeated == (0 if finished else 1), (recorded, number, name)
    assert moments > 20
