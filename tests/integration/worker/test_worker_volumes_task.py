"""Inputs on volumes through the real mounts: `list` divides them, `process` reads them where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_shared import layout
from ogdc_shared.plan import Command, Division, InputFile, Partition, Partitioning, Plan, VolumeInput
from support.packs import packed
from support.sandbox import ListTask, ProcessTask
from support.trees import plant, tree


@pytest.fixture
def claims(tmp_path: Path) -> dict[str, Path]:
    plant(
        tmp_path / "dem",
        {f"{year}/tile_{number}.txt": b"x" * number for year in (1, 2) for number in (1, 2, 3)},
    )
    plant(tmp_path / "more", {"extra.txt": b"more"})
    return {"dem": tmp_path / "dem", "more": tmp_path / "more"}


def plan_of(
    *commands: str, size: int | None = None, pack: int = 1, per_file: bool = False, glob: str = "*.txt"
) -> Plan:
    lines = tuple(Command(text, line) for line, text in enumerate(commands, start=1))
    volumes = (VolumeInput("dem", "", glob), VolumeInput("more", "", "*"))
    divided = Partitioning(size=size, pack=pack)
    return Plan("tiles", lines, per_file=per_file, volumes=volumes, partitioning=divided)


def test_listed_files_are_divided(tmp_path: Path, claims: dict[str, Path]) -> None:
    task = ListTask(tmp_path / "task", plan=plan_of(size=3, pack=2), claims=claims)
    plant(task.packs, {"7.json": b"left by an earlier try"})
    result = task.run()
    assert result.exit_code == 0, result.last_words
    names = {path.name for path in task.packs.iterdir()}
    assert names == {"0.json", "1.json"}
    assert task.found(layout.LISTED_PER_PACK_PATH) == "2"
    partitions = [packed(task.packs / f"{number // 2}.json", number) for number in range(3)]
    assert [partition.number for partition in partitions] == [0, 1, 2]
    sources = [file.source.removeprefix("/mnt/data/") for partition in partitions for file in partition.files]
    tiles = [f"dem/{year}/tile_{number}.txt" for year in (1, 2) for number in (1, 2, 3)]
    assert sources == [*tiles, "more/extra.txt"]
    division = Division.from_json(task.found(layout.LISTED_DIVISION_PATH))
    assert division == Division(files=(3, 3, 1), sizes=(6, 6, 4))
    counts = {name: task.found(path) for name, path in layout.LISTED_COUNT_PATHS.items()}
    assert counts == {"partitions": "3", "files": "7", "bytes": "16"}
    (event,) = result.events("listed")
    assert (event["partitions"], event["files"], event["bytes"]) == (3, 7, 16)


def test_a_pattern_without_matches_is_reported_in_the_last_words(
    tmp_path: Path, claims: dict[str, Path]
) -> None:
    result = ListTask(tmp_path / "task", plan=plan_of(glob="*.nc"), claims=claims).run()
    assert result.exit_code == 1
    assert "No file below '/' on the volume dem matches '*.nc'" in result.last_words
    assert "'1/tile_1.txt'" in result.last_words


def volume_task(tmp_path: Path, plan: Plan, claims: dict[str, Path], *names: str) -> ProcessTask:
    files = tuple(
        InputFile(f"/mnt/data/{name}", kind="volume", size=(tmp_path / name).stat().st_size) for name in names
    )
    return ProcessTask(tmp_path / "task", plan=plan, partition=Partition(0, files), claims=claims)


def test_commands_find_linked_files_and_leave_no_links(tmp_path: Path, claims: dict[str, Path]) -> None:
    plan = plan_of(
        "cat /input_dir/* > /output_dir/all; mv /input_dir/extra.txt /output_dir/",
        "mv /input_dir/* /output_dir/",
    )
    task = volume_task(tmp_path, plan, claims, "dem/1/tile_2.txt", "more/extra.txt")
    result = task.run()
    assert result.exit_code == 0, result.last_words
    assert tree(task.outputs) == {"all": b"morexx", "extra.txt": b"more"}


def test_files_are_read_from_the_volume_one_by_one(tmp_path: Path, claims: dict[str, Path]) -> None:
    plan = plan_of(
        'echo "$INPUT_FILE" "$OUTPUT_FILE" > "$OUTPUT_FILE"',
        'tac "$INPUT_FILE" > "$OUTPUT_FILE"',
        per_file=True,
    )
    task = volume_task(tmp_path, plan, claims, "dem/2/tile_2.txt", "more/extra.txt")
    result = task.run()
    assert result.exit_code == 0, result.last_words
    assert tree(task.outputs) == {
        "tile_2.txt": b"/mnt/data/dem/2/tile_2.txt /output_dir/tile_2.txt\n",
        "extra.txt": b"/mnt/data/more/extra.txt /output_dir/extra.txt\n",
    }


def test_a_file_that_vanished_after_listing_is_named(tmp_path: Path, claims: dict[str, Path]) -> None:
    task = volume_task(tmp_path, plan_of("true"), claims, "dem/1/tile_1.txt")
    (claims["dem"] / "1/tile_1.txt").unlink()
    result = task.run()
    assert result.exit_code == 1
    assert "'/mnt/data/dem/1/tile_1.txt' no longer exists" in result.last_words
