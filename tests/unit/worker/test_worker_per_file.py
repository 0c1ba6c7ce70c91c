"""Processing file by file: each command once for each file, whatever interrupts the task."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from ogdc_shared.errors import CommandFailedError, PublishError
from ogdc_shared.plan import InputFile
from ogdc_worker.missing_items import add_up_missing
from support.crashes import crashes
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
    assert seen == [f"{task.paths.input_dir}/{name}" for name in names]


def test_directories_of_several_files_are_merged(task: PartitionTask) -> None:
    prepare(task, 'mkdir -p "$OUTPUT_DIR/tiles/0"; cp "$INPUT_FILE" "$OUTPUT_DIR/tiles/0/"')
    task.run()
    assert set(tree(task.outputs)) == {"tiles", "tiles/0", *(f"tiles/0/{file.source}" for file in FILES)}


def test_a_directory_is_an_item_and_what_is_hidden_is_there_for_the_next_command_and_runs_nothing(
    task: PartitionTask,
) -> None:
    prepare(
        task,
        'cp "$INPUT_FILE" "$OUTPUT_FILE"; cp "$INPUT_FILE" "$OUTPUT_DIR/.$(basename "$INPUT_FILE")"; '
        'mkdir -p "$OUTPUT_DIR/more"; cp "$INPUT_FILE" "$OUTPUT_DIR/more/"',
        'cat "$INPUT_DIR/.two.txt" "$INPUT_DIR/more/one.txt" > "$OUTPUT_FILE"',
    )
    task.run()
    names = [*(file.source for file in FILES), "more"]
    assert tree(task.outputs) == dict.fromkeys(names, b"two.txt\none.txt\n")


def test_what_a_command_leaves_beside_its_input_is_no_further_input(task: PartitionTask) -> None:
    prepare(
        task, f'touch "$INPUT_FILE.aux.xml"; cp "$INPUT_FILE" "$OUTPUT_FILE"; test -e {task.directory}/ok'
    )
    with pytest.raises(CommandFailedError):
        task.run()
    plant(task.directory, {"ok": b""})
    task.run()
    assert set(tree(task.outputs)) == {file.source for file in FILES}


SHAPEFILE = (
    'for e in shp shx DBF prj cpg shp.xml; do echo $e > "$OUTPUT_DIR/$(basename "$INPUT_FILE" .txt).$e"; done'
)


def test_a_file_with_its_parts_is_one_item_and_a_directory_another(task: PartitionTask) -> None:
    prepare(
        task,
        f'{SHAPEFILE}; mkdir -p "$OUTPUT_DIR/$(basename "$INPUT_FILE" .txt).gdb" "$OUTPUT_DIR/plain"; '
        'cp "$INPUT_FILE" "$OUTPUT_DIR/$(basename "$INPUT_FILE" .txt).gdb/"; '
        'cp "$INPUT_FILE" "$OUTPUT_DIR/plain/"',
        'ls -d "$INPUT_FILE"* | xargs -n 1 basename > "$OUTPUT_FILE.list"',
    )
    task.run()
    listed = {name: content.decode().split() for name, content in tree(task.outputs).items() if content}
    names = ["one", "three", "two"]
    assert set(listed) == {
        "plain.list",
        *(f"{name}.shp.list" for name in names),
        *(f"{name}.gdb.list" for name in names),
    }
    assert listed["one.shp.list"] == ["one.shp", "one.shp.xml"]
    assert listed["one.gdb.list"] == ["one.gdb"]


def test_inputs_with_their_parts_are_one_item(task: PartitionTask) -> None:
    files = recipe_files("a.shp", "a.dbf", "a.shx", "b.tif", "b.tfw", "c.prj")
    prepare(task, 'echo "$(basename "$INPUT_FILE")" > "$OUTPUT_FILE"; ls "$INPUT_DIR" | wc -l', files=files)
    task.run()
    assert tree(task.outputs) == {name: f"{name}\n".encode() for name in ("a.shp", "b.tif", "c.prj")}


def test_items_on_volumes_are_files_with_their_parts(task: PartitionTask, tmp_path: Path) -> None:
    plant(tmp_path / "volume", {"x/a.shp": b"", "x/a.dbf": b"", "y/a.dbf": b"", "z.zarr/0": b""})
    sources = [str(tmp_path / "volume" / name) for name in ("x/a.dbf", "x/a.shp", "y/a.dbf", "z.zarr")]
    files = tuple(InputFile(source, kind="volume") for source in sources)
    task.prepare('echo "${INPUT_FILE#*volume/}" > "$OUTPUT_DIR/$$"', files=files, per_file=True)
    task.run()
    assert sorted(tree(task.outputs).values(), key=str) == [b"x/a.shp\n", b"y/a.dbf\n", b"z.zarr\n"]


def test_commands_run_for_the_items_that_the_recipe_wants_and_carry_the_others_along(
    task: PartitionTask,
) -> None:
    task.prepare(
        f'{SHAPEFILE}; echo note > "$OUTPUT_DIR/$(basename "$INPUT_FILE").log"; mkdir -p "$OUTPUT_DIR/logs"; '
        'echo more > "$OUTPUT_DIR/logs/$(basename "$INPUT_FILE")"',
        'echo table > "${OUTPUT_FILE%.shp}.csv"',
        'mkdir "$OUTPUT_DIR/logs"; echo own > "$OUTPUT_DIR/logs/one.txt"; cp "$INPUT_FILE" "$OUTPUT_FILE"',
        files=FILES[:2],
        per_file=True,
        items=("*.SHP", "one.csv"),
    )
    plant(task.directory / "recipe", {file.source: b"" for file in FILES})
    task.run()
    assert tree(task.outputs) == {
        "one.csv": b"table\n",
        "three.csv": b"table\n",
        "one.txt.log": b"note\n",
        "three.txt.log": b"note\n",
        "logs": None,
        "logs/one.txt": b"own\n",
        "logs/three.txt": b"more\n",
    }


def test_inputs_that_are_not_wanted_are_carried_along_unless_none_is(task: PartitionTask) -> None:
    prepare(task, 'echo ran > "$OUTPUT_FILE"')
    task.prepare(
        'echo ran > "$OUTPUT_FILE"', files=recipe_files("a.txt", "sub/b.txt"), per_file=True, items=("a*",)
    )
    task.run()
    assert tree(task.outputs) == {"a.txt": b"ran\n", "b.txt": b"B"}
    task.prepare(
        'echo ran > "$OUTPUT_FILE"', files=recipe_files("a.txt", "sub/b.txt"), per_file=True, items=("*.shp",)
    )
    task.run()
    assert tree(task.outputs) == {"a.txt": b"ran\n", "b.txt": b"ran\n"}


def test_inputs_with_the_same_output_file_fail_with_the_advice_to_name_them(task: PartitionTask) -> None:
    prepare(
        task, COPY, files=(InputFile("a.txt", kind="recipe", directory="sub"), *recipe_files("sub_a.txt"))
    )
    with pytest.raises(
        PublishError, match=r"Both inputs have the same \$OUTPUT_FILE: give one another `name`"
    ):
        task.run()


def warnings(capfd: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Messages of warnings by kind."""
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"warning"' in line]
    return {event["kind"]: event["message"] for event in events}


def test_a_command_that_runs_for_nothing_warns(
    task: PartitionTask, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare(task, COPY, COPY)
    task.prepare(COPY, COPY, COPY, files=recipe_files("a.txt"), per_file=True, items=("*.shp",))
    task.run()
    assert tree(task.outputs) == {"a.txt": b"A"}
    warned = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"warning"' in line]
    assert [event["kind"] for event in warned] == ["no_items"] * 2
    assert "'a.txt'" in warned[0]["message"]


def test_a_command_for_which_all_is_hidden_is_warned_of(
    task: PartitionTask, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare(task, 'cp "$INPUT_FILE" "$OUTPUT_DIR/.$(basename "$INPUT_FILE")"', COPY)
    task.run()
    assert tree(task.outputs) == {}
    warned = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"warning"' in line]
    assert ("no_items", True) in [(each["kind"], "all is hidden" in each["message"]) for each in warned]


def test_a_command_with_only_links_that_lead_nowhere_is_warned_of_as_such(
    task: PartitionTask, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare(task, 'ln -s nowhere "$OUTPUT_FILE"', COPY)
    task.run()
    assert "nothing is a file or a directory" in warnings(capfd)["no_items"]


def test_a_hidden_input_whose_output_is_lost_is_warned_of(
    task: PartitionTask, capfd: pytest.CaptureFixture[str]
) -> None:
    prepare(task, COPY, COPY, files=recipe_files(".a.txt", "b.txt"))
    task.run()
    assert set(tree(task.outputs)) == {"b.txt"}
    assert "Command 1 wrote '.a.txt', and command 2 does not run" in warnings(capfd)["no_items"]


@pytest.mark.parametrize("names", [("a.txt", "A.TXT"), ("caf\xe9.txt", "cafe\u0301.txt")])
def test_names_of_different_items_that_other_systems_cannot_keep_are_warned_of(
    task: PartitionTask, capfd: pytest.CaptureFixture[str], names: tuple[str, str]
) -> None:
    prepare(task, COPY, COPY, files=recipe_files(*names))
    task.run()
    assert set(tree(task.outputs)) == {*names}
    warned = warnings(capfd)
    assert set(warned) == {"odd_name"}
    assert all(f"input_dir/{name}" in warned["odd_name"] for name in names)


FAILS = 'case "$INPUT_FILE" in */three.*) echo half > "$OUTPUT_FILE"; echo damaged >&2; exit 3;; esac; '


def test_items_that_fail_go_no_further_where_the_recipe_allows_it(task: PartitionTask) -> None:
    task.prepare(COPY, FAILS + COPY, COPY, files=FILES, per_file=True, allowed_failures="34%")
    plant(task.directory / "recipe", {file.source: b"x" for file in FILES})
    task.run()
    assert tree(task.outputs) == {"one.txt": b"x", "two.txt": b"x"}
    account = add_up_missing([str(task.workspace)], "1")
    assert account.items == 3
    (missing,) = account.missing
    assert (missing.item, missing.command, missing.line, missing.exit_code) == ("three.txt", 2, 2, 3)
    assert "damaged" in missing.reason
    with pytest.raises(PublishError, match=r"1 of 3 items failed: 'three.txt' \(command 2\)\. This exceeds"):
        add_up_missing([str(task.workspace)], "33%")


def test_more_failures_than_allowed_fail_the_task_and_another_try_runs_them_again(
    task: PartitionTask,
) -> None:
    command = f'test -e {task.directory}/ok || test "${{INPUT_FILE##*/}}" = two.txt || exit 9; {COPY}'
    task.prepare(command, files=FILES, per_file=True, allowed_failures="1")
    plant(task.directory / "recipe", {file.source: b"x" for file in FILES})
    with pytest.raises(CommandFailedError, match=r"/three\.txt"):
        task.run()
    plant(task.directory, {"ok": b""})
    task.run()
    assert set(tree(task.outputs)) == {file.source for file in FILES}
    assert add_up_missing([str(task.workspace)], "0").missing == ()


def test_a_single_item_may_fail_as_well(task: PartitionTask) -> None:
    task.prepare(
        'echo half > "$OUTPUT_FILE"; exit 1', files=recipe_files("a.txt"), per_file=True, allowed_failures="1"
    )
    task.run()
    assert tree(task.outputs) == {}
    assert len(add_up_missing([str(task.workspace)], "1").missing) == 1


@pytest.mark.slow
def test_a_kill_at_any_moment_loses_nothing_that_is_carried_along_and_no_account(
    task: PartitionTask,
) -> None:
    step = (
        'name="${INPUT_FILE##*/}"; case $name in b.*) exit 1;; esac; echo x > "$OUTPUT_DIR/${name%.txt}.{}"'
    )
    files = recipe_files("a.txt", "b.txt", "c.log")
    commands = (step.replace("{}", "txt"), step.replace("{}", "tif"))

    def again() -> None:
        task.prepare(*commands, files=files, per_file=True, items=("*.txt",), allowed_failures="50%")
        plant(task.directory / "recipe", {file.source: b"" for file in files})

    for _ in crashes(again, task.run):
        task.run()
        assert tree(task.outputs) == {"a.tif": b"x\n", "c.log": b""}
        account = add_up_missing([str(task.workspace)], "50%")
        assert (account.items, [one.item for one in account.missing]) == (2, ["b.txt"])


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
    path = f"{task.paths.input_dir}/three.txt"
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
        for words in ("command 1 wrote 'same.txt'", "/one.txt'", "/three.txt'", "$OUTPUT_FILE"):
            assert words in str(refusal.value)


def test_several_names_written_for_two_files_are_named(task: PartitionTask) -> None:
    prepare(task, 'for name in a b c; do cp "$INPUT_FILE" "$OUTPUT_DIR/$name"; done')
    with pytest.raises(PublishError, match=r"same is true of '.' \('.*' and '.*'\), .* and 1 more\. Make"):
        task.run()


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


def test_only_the_outputs_and_what_was_done_stay(task: PartitionTask) -> None:
    prepare(task, 'cp "$INPUT_FILE" "$OUTPUT_FILE"')
    task.run()
    left = {path.name for path in task.workspace.iterdir()}
    assert left == {"input_dir", "output_dir", "checkpoint", "journal"}
    assert tree(task.workspace / "input_dir") == {}


@pytest.mark.slow
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
        task.run()
        assert tree(task.outputs) == undisturbed
        for number in (1, 2):
            before_it = f"hand on {number - 1}" if number > 1 else "place"
            its_own = recorded[recorded.index(before_it) :] if before_it in recorded else []
            for index, name in enumerate(names):
                finished = f"run {number}" in its_own or f" ran {index}" in its_own
                repeated = trace()[f"{number}{name[0]}"] - before[f"{number}{name[0]}"]
                assert repeated == (0 if finished else 1), (recorded, number, name)
    assert moments > 20
