"""kill -9 at random moments, again and again: nothing finished is done twice, and the result is the same."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogdc_shared import layout
from ogdc_shared.plan import Command, InputFile, Partition, Plan
from support.http import FileServer
from support.sandbox import ProcessTask, PublishTask, Result, Task
from support.trees import plant, tree

COMMANDS = (
    "cp /input_dir/* /output_dir/; sleep 0.05; mkdir -p /output_dir/deep; echo 1 > /output_dir/deep/.one",
    "for i in $(seq 9); do cat /input_dir/*.bin > /output_dir/$i; done; cp -r /input_dir/deep /output_dir/",
    "sleep 0.05; cat /input_dir/[1-5] > /output_dir/low; cat /input_dir/[6-9] > /output_dir/high",
    "cksum < /input_dir/low > /output_dir/sums; sleep 0.05; cksum < /input_dir/high >> /output_dir/sums",
)
RUN = "killed-abcdefghij"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "served").mkdir()
    for number in range(6):
        (tmp_path / f"served/{number}.bin").write_bytes(random.Random(number).randbytes(50_000))
    with FileServer(tmp_path / "served") as server:
        server.delay = 0.02
        yield server


def process_task(directory: Path, server: FileServer) -> ProcessTask:
    lines = tuple(Command(text=text, line=number) for number, text in enumerate(COMMANDS, start=1))
    files = tuple(InputFile(f"{server.url}/{number}.bin") for number in range(6))
    return ProcessTask(directory, plan=Plan("killed", lines), partition=Partition(number=0, files=files))


def killed_until_done(task: Task, chance: random.Random, *, seconds: float) -> list[Result]:
    """Start the task and kill it after `seconds` on average, over and over until it once comes to its end.

    Each life is a little longer than the one before, so that there is an end on any machine.
    """
    results: list[Result] = []
    while not results or results[-1].exit_code != 0:
        process = task.start()
        time.sleep(chance.expovariate(1 / seconds) * 1.05 ** len(results))
        task.kill(process)
        results.append(task.finish(process))
        assert results[-1].exit_code in {0, -9}, results[-1].last_words
    return results


@pytest.mark.parametrize("seed", range(5))
def test_a_repeatedly_killed_task_has_the_same_result(tmp_path: Path, server: FileServer, seed: int) -> None:
    undisturbed = process_task(tmp_path / "undisturbed", server)
    begin = time.monotonic()
    assert undisturbed.run().exit_code == 0
    duration = time.monotonic() - begin
    server.requests.clear()

    task = process_task(tmp_path / "killed", server)
    results = killed_until_done(task, random.Random(seed), seconds=duration / 3)

    assert tree(task.outputs) == tree(undisturbed.outputs)
    finished: set[int] = set()
    for result in results:
        for event in result.events():
            if event["event"] == "command_started":
                assert event["number"] not in finished
            if event["event"] == "command_finished":
                assert event["number"] not in finished
                finished.add(event["number"])
    assert task.workspace.joinpath("checkpoint").read_text().splitlines().count("run 2") == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_repeatedly_killed_publication_has_the_same_result(tmp_path: Path, seed: int) -> None:
    volume = tmp_path / "volume"
    plant(volume / "killed", {"old.bin": b"old"})
    result: dict[str, bytes | str | None] = {}
    for partition in range(3):
        files: dict[str, bytes | str | None] = {f"{n}/{partition}-{n}": b"x" for n in range(40)}
        plant(volume / layout.partition_workspace(RUN, partition) / "output_dir", files)
        result |= files | {str(n): None for n in range(40)}
    options = ["--run", RUN, "--recipe-id", "killed", "--partitions", "3", "--output", "pvc", "--overwrite"]
    task = PublishTask(tmp_path / "task", volume=volume, options=options)

    killed_until_done(task, random.Random(seed), seconds=0.06)

    assert tree(volume / "killed") == result
    assert not (volume / layout.workspace(RUN)).exists()
    assert not (volume / layout.replaced(RUN)).exists()
