"""Parallel recipes on the local stack: the cost of a task, and the speed-up by a second core."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench import Bench
from benchmarks.figures import Baseline, Figure, at_least, at_most
from benchmarks.local_stack import LocalStack, local_stack
from benchmarks.others import by_snakemake, by_xargs, snakemake

CLAIM = "benchmark"
_TASKS = 1_000
_REPETITIONS = 2
"""At most: each takes half a minute."""
_PARTITIONS = 8
_AT_ONCE = 2
_COUNT = "awk 'BEGIN { for (i = 0; i < 60000000; i++) x += i; print x }' > \"$OUTPUT_FILE\"\n"
"""Some seconds of work for one processor."""


def measure_tasks(bench: Bench) -> list[Figure]:
    """Run a thousand tasks that do next to nothing, and the same commands by other means."""
    few = fewer(bench)
    cpus = os.cpu_count() or 1
    directory = write_files(bench.new_directory(), _TASKS)
    recipe = write_recipe(bench.new_directory(), command='cp "$INPUT_FILE" "$OUTPUT_FILE"\n')
    program = snakemake()
    with local_stack(bench, settings=claim(directory)) as stack:
        trials: dict[str, Callable[[], float]] = {
            "ogdc-runner": partial(_run, stack, recipe, bench.new_directory()),
            "xargs -P": partial(_afresh, directory, partial(by_xargs, at_once=cpus)),
        }
        if program:
            trials["snakemake"] = partial(_afresh, directory, partial(by_snakemake, program, at_once=cpus))
        taken = {name: _per_task(times) for name, times in few.in_turns(trials).items()}
    least = Baseline("xargs -P", median(taken["xargs -P"]))
    other = Baseline("snakemake", median(taken["snakemake"])) if program else None
    what = f"{_TASKS:,} trivial tasks"
    ours = Figure(what, "ms a task", taken.pop("ogdc-runner"), goal=at_most(25), baseline=other or least)
    return [
        ours,
        *(Figure(f"{what} by {name}", "ms a task", times, baseline=least) for name, times in taken.items()),
    ]


def measure_speed_up(bench: Bench) -> list[Figure]:
    """Run partitions that keep a processor busy one after the other, and two at a time."""
    if (os.cpu_count() or 1) < _AT_ONCE:
        return []
    few = fewer(bench)
    recipes = {
        each: write_recipe(bench.new_directory(), command=_COUNT, max_parallelism=each)
        for each in (1, _AT_ONCE)
    }
    with local_stack(bench, settings=claim(write_files(bench.new_directory(), _PARTITIONS))) as stack:
        trials = {
            each: partial(_run, stack, recipe, bench.new_directory()) for each, recipe in recipes.items()
        }
        taken = few.in_turns(trials)
    ratios = tuple(one / both for one, both in zip(taken[1], taken[_AT_ONCE], strict=True))
    what = f"speed-up of {_PARTITIONS} equal partitions, {_AT_ONCE} at a time"
    return [Figure(what, "times", ratios, goal=at_least(1.8))]


def fewer(bench: Bench) -> Bench:
    """Measure no more often than is worth it where each time takes long."""
    effort = bench.effort._replace(repetitions=min(bench.effort.repetitions, _REPETITIONS))
    return Bench(effort, directory=bench.directory, parts=bench.parts)


def _run(stack: LocalStack, recipe: Path, into: Path) -> float:
    """Seconds of a whole run, nothing taken from the one before: submission, record, publishing, outputs."""
    return stack.seconds("run", "--fresh", "--json", "--output-dir", str(into), str(recipe))


def _afresh(directory: Path, work: Callable[[Path], float]) -> float:
    for left in ("out", ".snakemake"):
        shutil.rmtree(directory / left, ignore_errors=True)
    return work(directory)


def _per_task(times: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(1000 * time / _TASKS for time in times)


def write_recipe(directory: Path, *, command: str, **parallel: Any) -> Path:
    """Write a recipe with a partition for each file of the claim."""
    meta = {
        "name": "Benchmark of partitions",
        "workflow": {"type": "shell", "parallel": {"enabled": True, "partition_size": 1, **parallel}},
        "input": {"params": [{"type": "pvc_mount", "claim_name": CLAIM, "path": "in"}]},
    }
    (directory / "meta.yml").write_text(json.dumps(meta))  # JSON is YAML
    (directory / "recipe.sh").write_text(command)
    return directory


def write_files(directory: Path, number: int) -> Path:
    """Write small files to `directory`/in."""
    (directory / "in").mkdir()
    for each in range(number):
        (directory / "in" / f"{each}.txt").write_text("x\n")
    return directory


def claim(directory: Path) -> dict[str, str]:
    """Let a directory stand for the claim."""
    directory.chmod(0o755)
    return {"OGDC_LOCAL_CLAIMS": json.dumps({CLAIM: str(directory)})}
