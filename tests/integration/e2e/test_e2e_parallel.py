"""Parallel recipes through the command line: the same result as one by one, and every way to fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from support.crates import outputs_in
from support.http import FileServer
from support.recipes import inputs, make_recipe
from support.stack import Stack, wait_until
from support.trees import plant, tree

EXAMPLE = Path(__file__).parents[3] / "docs/examples/mosaic-and-clip/data"
COPY = 'cp "$INPUT_FILE" "$OUTPUT_FILE"'
MakeRecipe = Callable[..., Path]


@pytest.fixture(scope="module")
def claim(short_root: Path) -> Path:
    """The directory that stands for the claim `archive`."""
    plant(short_root / "archive", {})
    return short_root / "archive"


@pytest.fixture(scope="module")
def stack(short_root: Path, claim: Path) -> Iterator[Stack]:
    """A stack that may read the claim, and does not wait long before it tries a task again."""
    (short_root / "p").mkdir()
    with Stack(short_root / "p", OGDC_LOCAL_CLAIMS=json.dumps({"archive": str(claim)})) as stack:
        yield stack


@pytest.fixture
def recipe(tmp_path: Path) -> MakeRecipe:
    """Make a recipe; `files` are its inputs, unless there are `params`."""

    def make(
        name: str,
        *commands: str,
        files: dict[str, bytes] | None = None,
        params: list[dict[str, Any]] | None = None,
        output: str = "pvc",
        enabled: bool = True,
        **parallel: Any,
    ) -> Path:
        files = files or {}
        return make_recipe(
            tmp_path / name.replace(" ", "-"),
            name=name,
            workflow={"type": "shell", "parallel": {"enabled": enabled, **parallel}},
            input=inputs(*(params or [{"type": "file", "path": file} for file in files])),
            output={"type": output},
            files={"recipe.sh": "\n".join(commands) + "\n", **files},
        )

    return make


def numbers(count: int) -> dict[str, bytes]:
    return {f"{number}.txt": f"{number}\n".encode() for number in range(count)}


def started(stack: Stack, recipe: Path) -> str:
    done = stack.cli("submit", "--overwrite", "--json", str(recipe))
    assert done.code == 0, done
    name: str = done.json()["name"]
    return name


def made(stack: Stack, recipe: Path, directory: Path) -> dict[str, Any]:
    """What running a recipe leaves, by name."""
    done = stack.cli("run", "--output-dir", str(directory), str(recipe), cwd=directory.parent)
    assert done.code == 0, done
    [outputs] = directory.iterdir()
    return tree(outputs)


def partition_tasks(stack: Stack, name: str) -> dict[int, dict[str, Any]]:
    return {task["partition"]: task for task in stack.run(name)["tasks"] if task["template"] == "process"}


RASTERS = {path.name: path.read_bytes() for path in sorted(EXAMPLE.glob("*.tif"))}
OF_RASTERS = (
    'gdal_translate -q -ot Int16 -co COMPRESS=DEFLATE "$INPUT_FILE" "$OUTPUT_FILE"',
    'name="$OUTPUT_DIR/$(basename "$INPUT_FILE" .tif)"; '
    'gdalwarp -q -t_srs EPSG:3413 -tr 2000 2000 "$INPUT_FILE" "${name}_3413.tif"; '
    'gdalinfo -stats "$INPUT_FILE" | grep STATISTICS_MEAN > "$name.mean"',
    'case "$INPUT_FILE" in *.tif) gdaladdo -q "$INPUT_FILE" 2; cp "$INPUT_FILE" "$OUTPUT_FILE";; '
    '*) mkdir -p "$OUTPUT_DIR/means"; cp "$INPUT_FILE" "$OUTPUT_DIR/means/";; esac',
)
OF_TEXTS = (
    'tr 0-9 a-j < "$INPUT_FILE" > "$OUTPUT_FILE"',
    'cp "$INPUT_FILE" "$OUTPUT_FILE"; wc -c < "$INPUT_FILE" > "${OUTPUT_FILE%.txt}.size"',
    'case "$INPUT_FILE" in *.txt) cp "$INPUT_FILE" "$OUTPUT_FILE";; '
    '*) mkdir -p "$OUTPUT_DIR/sizes"; cp "$INPUT_FILE" "$OUTPUT_DIR/sizes/";; esac',
)
BY_THREE = {"by three": {"partition_size": 3}}
IN_OTHER_WAYS = {
    "by one": {"partition_size": 1},
    "by size": {"partition_strategy": "size", "partition_size": 2},
    "as a zip": {"output": "temporary", "max_parallelism": 1},
}


@pytest.mark.parametrize(
    ("files", "commands", "ways"),
    [
        pytest.param(RASTERS, OF_RASTERS, BY_THREE, id="rasters"),
        pytest.param(numbers(4), OF_TEXTS, IN_OTHER_WAYS, id="texts"),
    ],
)
def test_a_parallel_run_has_the_same_result_as_a_sequential_one(
    stack: Stack,
    recipe: MakeRecipe,
    tmp_path: Path,
    files: dict[str, bytes],
    commands: tuple[str, ...],
    ways: dict[str, dict[str, Any]],
) -> None:
    loop = 'for INPUT_FILE in /input_dir/*; do OUTPUT_FILE="$OUTPUT_DIR/$(basename "$INPUT_FILE")"; {}; done'
    one_after_the_other = recipe(
        "one by one", *map(loop.replace, ["{}"] * 3, commands), files=files, enabled=False
    )
    expected = made(stack, one_after_the_other, tmp_path / "expected")
    assert len(expected) == 9
    for name, options in ways.items():
        parallel = recipe(name, *commands, files=files, **options)
        assert made(stack, parallel, tmp_path / f"out-{name}") == expected, name


def test_whole_data_sets_are_items_and_a_damaged_one_is_missing_from_the_result(
    stack: Stack, recipe: MakeRecipe, claim: Path, tmp_path: Path
) -> None:
    point = '{"type": "Point", "coordinates": [-51, 69]}'
    plant(
        tmp_path, {"point.json": f'{{"type": "Feature", "properties": {{}}, "geometry": {point}}}'.encode()}
    )
    plant(claim, {"lakes": None})
    for name in ("a", "b", "c"):
        subprocess.run(["ogr2ogr", claim / f"lakes/{name}.shp", tmp_path / "point.json"], check=True)
    (claim / "lakes/b.shx").write_bytes(b"damaged")
    (claim / "lakes/b.shp").write_bytes(b"damaged")
    volume = {"type": "pvc_mount", "claim_name": "archive", "path": "lakes", "glob": "*.shp"}
    commands = (
        'ogr2ogr -f OpenFileGDB "$OUTPUT_DIR/$(basename "$INPUT_FILE" .shp).gdb" "$INPUT_FILE"; '
        'echo "$INPUT_FILE" > "$OUTPUT_FILE.log"',
        'ogr2ogr -f GPKG "$OUTPUT_DIR/$(basename "$INPUT_FILE" .gdb).gpkg" "$INPUT_FILE"; '
        'cp "$RECIPE_DIR/note.txt" "$OUTPUT_DIR/$(basename "$INPUT_FILE").txt"',
    )
    options = {"partition_size": 1, "items": "*.gdb", "allowed_failures": "40%"}
    lakes = recipe(
        "lakes", *commands, params=[volume], files={"note.txt": b"own"}, output="temporary", **options
    )
    result = made(stack, lakes, tmp_path / "out")
    kept = {f"{name}.{what}" for name in "ac" for what in ("gpkg", "gdb.txt", "shp.log")}
    assert set(result) == {*kept, "ogdc-missing.json"}
    missing = json.loads(result["ogdc-missing.json"] or "")
    assert (missing["items"], [one["item"] for one in missing["missing"]]) == (3, ["b.shp"])
    [name] = [path.name for path in (tmp_path / "out").iterdir()]
    assert stack.run(name)["warning_count"] >= 1


@pytest.mark.parametrize("fail_fast", [True, False])
def test_a_failing_file_is_named_and_retry_runs_only_what_failed(
    stack: Stack, recipe: MakeRecipe, claim: Path, tmp_path: Path, fail_fast: bool
) -> None:
    plant(claim, {f"a/{number}.txt": b"void" if number == 3 else b"good" for number in range(8)})
    volume = {"type": "pvc_mount", "claim_name": "archive", "path": "a"}
    stamp = 'date +%s%N > "$OUTPUT_FILE"'
    check = 'grep good "/mnt/data/archive/a/$(basename "$INPUT_FILE")" && ' + COPY
    options = {"partition_size": 2, "max_parallelism": 1, "fail_fast": fail_fast}
    failing = recipe("one void file", stamp, check, params=[volume], **options)
    done = stack.cli("run", str(failing), cwd=tmp_path)
    assert done.code == 1
    assert "Failed. command 2 of 2, for '/input_dir/3.txt', failed with exit code 1: grep good" in done.err
    name = done.err.splitlines()[-2].partition(":")[0]
    phases = {number: task["phase"] for number, task in partition_tasks(stack, name).items()}
    succeeded = {0} if fail_fast else {0, 2, 3}
    assert {number for number, phase in phases.items() if phase == "Succeeded"} == succeeded
    assert phases[1] == "Failed"
    shown = stack.cli("status", name, "--partitions")
    assert shown.code == 0
    assert "for '/input_dir/3.txt'" in shown.out

    before = time.time_ns()
    (claim / "a/3.txt").write_bytes(b"good")
    assert stack.cli("retry", name).code == 0
    assert stack.wait(name)["status"] == "Succeeded"
    stamps = {path.name: int(path.read_text()) for path in outputs_in(stack.paths.volume / "one-void-file")}
    kept = {f"{file}.txt" for partition in succeeded for file in (2 * partition, 2 * partition + 1)}
    assert {file for file, stamp in stamps.items() if stamp < before} == kept | {"2.txt", "3.txt"}, (
        "of the failed partition, the first command's files are finished"
    )
    assert len(stamps) == 8


def test_a_fan_out_that_is_cancelled_stops_at_once_and_can_be_retried(
    stack: Stack, recipe: MakeRecipe, claim: Path
) -> None:
    plant(claim, {"go": b""})
    (claim / "go").unlink()
    wait = (
        'date +%s%N > "$OUTPUT_FILE"; case "$INPUT_FILE" in */[01].txt) exit;; esac; '
        "while ! test -e /mnt/data/archive/go; do sleep 0.1; done"
    )
    plant(claim, {f"b/{number}.txt": b"" for number in range(6)})
    volume = {"type": "pvc_mount", "claim_name": "archive", "path": "b"}
    name = started(stack, recipe("cancelled", wait, params=[volume], partition_size=1, max_parallelism=2))
    wait_until(lambda: len(partition_tasks(stack, name)) == 4)
    assert stack.cli("cancel", name).code == 0
    assert stack.wait(name)["status"] == "Failed"
    assert not workers(stack), "nothing of it runs any more"
    phases = {number: task["phase"] for number, task in partition_tasks(stack, name).items()}
    assert phases == {0: "Succeeded", 1: "Succeeded", 2: "Failed", 3: "Failed"}

    before = time.time_ns()
    plant(claim, {"go": b""})
    assert stack.cli("retry", name).code == 0
    assert stack.wait(name)["status"] == "Succeeded"
    stamps = {path.name: int(path.read_text()) for path in outputs_in(stack.paths.volume / "cancelled")}
    assert {file for file, stamp in stamps.items() if stamp < before} == {"0.txt", "1.txt"}
    assert len(stamps) == 6
    (claim / "go").unlink()


def workers(stack: Stack) -> list[int]:
    """Processes of `ogdc-worker process` that a stack has started."""
    found = []
    for pid in stack.processes():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[-2:-1] == [b"process"] and b"ogdc_worker" in words[-3]:
            found.append(pid)
    return found


def test_a_killed_worker_repeats_no_file_that_was_finished(stack: Stack, recipe: MakeRecipe) -> None:
    command = 'date +%s%N > "$OUTPUT_FILE"; sleep 0.3'
    directory = recipe("killed worker", command, files=numbers(6), partition_size=6)
    name = started(stack, directory)

    def finished() -> list[str]:
        log = [
            json.loads(line.partition("] ")[2]) for line in stack.cli("logs", "--raw", name).out.splitlines()
        ]
        return [event["file"] for event in log if event["event"] == "command_finished"]

    wait_until(lambda: len(finished()) >= 2)
    for pid in workers(stack):
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(pid, signal.SIGKILL)
    killed_at = time.time_ns()
    assert stack.wait(name)["status"] == "Succeeded", stack.run(name)
    stamps = {path.name: int(path.read_text()) for path in outputs_in(stack.paths.volume / "killed-worker")}
    assert len(stamps) == 6
    assert sum(stamp < killed_at for stamp in stamps.values()) >= 2
    assert len(finished()) == len(set(finished())) == 6


def test_two_partitions_that_write_one_name_are_refused(
    stack: Stack, recipe: MakeRecipe, tmp_path: Path
) -> None:
    for output in ("pvc", "temporary"):
        clash = recipe(
            f"clash {output}",
            'cp "$INPUT_FILE" "$OUTPUT_DIR/all.txt"',
            files=numbers(3),
            output=output,
            partition_size=1,
        )
        done = stack.cli("run", str(clash), cwd=tmp_path)
        assert done.code == 1
        assert "The partitions 0 and 1 both wrote 'all.txt', and one would overwrite the other" in done.err
    assert not (stack.paths.volume / "clash-pvc").exists()


def test_two_input_files_with_the_same_output_name_are_rejected(
    stack: Stack, recipe: MakeRecipe, tmp_path: Path
) -> None:
    clash = recipe("clash", 'cp "$INPUT_FILE" "$OUTPUT_DIR/all.txt"', files=numbers(3), partition_size=3)
    done = stack.cli("run", str(clash), cwd=tmp_path)
    assert done.code == 1
    assert "command 1 wrote 'all.txt' for '/input_dir/0.txt' and again for '/input_dir/1.txt'" in done.err


def test_a_file_that_is_not_there_is_named(stack: Stack, recipe: MakeRecipe, tmp_path: Path) -> None:
    plant(tmp_path / "served", numbers(2))
    with FileServer(tmp_path / "served") as server:
        params = [{"type": "url", "value": f"{server.url}/{number}.txt"} for number in range(3)]
        done = stack.cli("run", str(recipe("missing", COPY, params=params, partition_size=1)), cwd=tmp_path)
    assert done.code == 1
    assert f"'{server.url}/2.txt' cannot be fetched: its server answered 404" in done.err


def test_a_pattern_that_nothing_matches_is_reported(
    stack: Stack, recipe: MakeRecipe, claim: Path, tmp_path: Path
) -> None:
    plant(claim, {"c/readme.txt": b""})
    volume = {"type": "pvc_mount", "claim_name": "archive", "path": "c", "glob": "*.tif"}
    for enabled in (True, False):
        line = COPY if enabled else "cp /input_dir/* /output_dir/"
        empty = recipe(f"empty {enabled}", line, params=[volume], enabled=enabled)
        done = stack.cli("run", str(empty), cwd=tmp_path)
        assert done.code == 1
        message = (
            "No file below 'c' on the volume archive matches '*.tif'. There are others, such as 'readme.txt'"
        )
        assert message in done.err


def test_volumes_are_inputs_of_sequential_recipes_too(
    stack: Stack, recipe: MakeRecipe, claim: Path, tmp_path: Path
) -> None:
    plant(claim, {"d/x/one.txt": b"1\n", "d/two.txt": b"2\n"})
    volume = {"type": "pvc_mount", "claim_name": "archive", "path": "/d/"}
    lines = ["cat /input_dir/*.txt > /output_dir/all; mv /input_dir/one.txt /output_dir/"]
    sequential = recipe("from a volume", *lines, params=[volume], enabled=False)
    assert made(stack, sequential, tmp_path / "out") == {"all": b"1\n2\n", "one.txt": b"1\n"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {"a.txt": b""}, "partition_size": 0}, "workflow.parallel.partition_size"),
        (
            {"params": [{"type": "pvc_mount", "claim_name": "secrets", "path": "/"}]},
            "'secrets' is not a claim that recipes may read",
        ),
    ],
)
def test_inputs_that_cannot_be_divided_or_read_are_rejected_at_submission(
    stack: Stack, recipe: MakeRecipe, changes: dict[str, Any], message: str
) -> None:
    done = stack.cli("submit", str(recipe("refused", COPY, **changes)))
    assert done.code in {1, 2}
    assert message in done.err


def test_a_run_reuses_unchanged_partitions_of_an_earlier_one(
    stack: Stack, recipe: MakeRecipe, tmp_path: Path
) -> None:
    upper = 'tr a-z A-Z < "$INPUT_FILE" > "$OUTPUT_FILE"'
    first = made(stack, recipe("taken", COPY, upper, files=numbers(2), partition_size=1), tmp_path / "1")
    changed = recipe("taken", COPY, upper, files={"1.txt": b"b", **numbers(1)}, partition_size=1)
    assert made(stack, changed, tmp_path / "2") == {"0.txt": first["0.txt"], "1.txt": b"B"}
    [name] = [path.name for path in (tmp_path / "2").iterdir()]
    assert stack.run(name)["partition_counts"] == {"Reused": 1, "Succeeded": 1}
    shown = stack.cli("status", "--partitions", "--tasks", "--json", name).json()
    listed, earlier = shown["partition_list"], next((tmp_path / "1").iterdir()).name
    assert {each["phase"] for each in listed} == {"Reused", "Succeeded"}
    assert f"reused from run {earlier}" in str(listed)
    taken = [(each["phase"], each["reused"]) for each in shown["facts_list"]]
    assert taken == [("Succeeded", None)] * 3 + [("Reused", {"run": earlier, "commands": 2})]


def test_results_are_reused_if_commands_name_the_files_they_read_and_write(
    stack: Stack, recipe: MakeRecipe, tmp_path: Path
) -> None:
    lines = ["cp /input_dir/0.txt /output_dir/a.txt", "tr 0-9 a-j < /input_dir/a.txt > /output_dir/b.txt"]
    named = recipe("named", *lines, files=numbers(1), enabled=False)
    results = [made(stack, named, tmp_path / each) for each in "12"]
    assert results == [{"b.txt": b"a\n"}] * 2
    [again] = [path.name for path in (tmp_path / "2").iterdir()]
    assert stack.run(again)["partition_counts"] == {"Reused": 1}
