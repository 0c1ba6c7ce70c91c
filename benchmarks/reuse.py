"""Runs that reuse earlier results on the local stack, and the cost of looking up and keeping results."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench import Bench
from benchmarks.figures import Baseline, Figure, at_most
from benchmarks.local_stack import LocalStack, local_stack
from benchmarks.others import by_snakemake_in_parts, snakemake
from benchmarks.parallel import claim, fewer, write_files, write_recipe
from ogdc_local.sandbox.interpreter import compile_worker, interpreter, module_paths
from ogdc_local.sandbox.programs import user_programs
from ogdc_worker.process.paths import ProcessPaths
from support.reused_runs import ReusedRuns

_UNCHANGED = 1_000
_FILES, _PER_PARTITION, _CHANGED = 10_000, 10, 3
_COPY = 'cp "$INPUT_FILE" "$OUTPUT_FILE"\n'
_COPY_ALL = 'cp "$INPUT_DIR"/* "$OUTPUT_DIR"/'
_KEPT = 200
_PLANS: tuple[dict[str, Any], ...] = ({}, {"reuse": None})
"""With and without keeping."""
_PAIRS = 40
"""Tasks of each kind in a turn, one of each after the other."""
_TASKS = r"""
import gc, json, os, sys
import ogdc_worker.forked.server
from ogdc_worker.process.partition import process
from ogdc_worker.process.paths import ProcessPaths
from ogdc_worker.expected import Expected
from ogdc_worker.report import Reporter

gc.disable()
gc.freeze()
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        process(ProcessPaths(**json.loads(line)), Reporter(last_words_file=os.devnull), Expected(partition=0))
        os._exit(0)
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit("a task failed")
    print(usage.ru_utime + usage.ru_stime, flush=True)
"""
"""Runs a task for each line, forked from a process that has imported everything, as the fork server does."""


def measure_reuse(bench: Bench) -> list[Figure]:
    """Measure all of it."""
    return [*_measure_unchanged(bench), *_measure_changed(bench), *_measure_overhead(bench)]


def _measure_unchanged(bench: Bench) -> list[Figure]:
    """Run a thousand partitions again, of which nothing has changed."""
    recipe = write_recipe(bench.new_directory(), command=_COPY)
    directory = write_files(bench.new_directory(), _UNCHANGED)
    with local_stack(bench, settings=claim(directory)) as stack:
        _run(stack, recipe, bench, taken=0)
        times = fewer(bench).in_turns({"again": partial(_run, stack, recipe, bench, taken=_UNCHANGED)})
    return [Figure(f"run of {_UNCHANGED:,} unchanged partitions", "s", times["again"], goal=at_most(3))]


def _measure_changed(bench: Bench) -> list[Figure]:
    """Run ten thousand files again, of which three have changed, and have snakemake do the same."""
    recipe = write_recipe(bench.new_directory(), command=_COPY, partition_size=_PER_PARTITION)
    directory, theirs = (write_files(bench.new_directory(), _FILES) for _ in range(2))
    partitions, program = _FILES // _PER_PARTITION, snakemake()

    def by_us(stack: LocalStack, turns: Iterator[int]) -> float:
        _change(directory, next(turns))
        return _run(stack, recipe, bench, taken=partitions - _CHANGED)

    def by_snake(program: Path, turns: Iterator[int]) -> float:
        _change(theirs, next(turns))
        return by_snakemake_in_parts(program, theirs, size=_PER_PARTITION, at_once=os.cpu_count() or 1)

    with local_stack(bench, settings=claim(directory)) as stack:
        _run(stack, recipe, bench, taken=0)
        trials: dict[str, Callable[[], float]] = {"ogdc-runner": partial(by_us, stack, count())}
        if program:
            trials["snakemake"] = partial(by_snake, program, count())
        times = fewer(bench).in_turns(trials)
    what = f"run of {_FILES:,} files in {partitions:,} partitions, {_CHANGED} changed"
    other = Baseline("snakemake", median(times["snakemake"])) if program else None
    ours = Figure(what, "s", times.pop("ogdc-runner"), goal=at_most(10), baseline=other)
    return [ours, *(Figure(f"{what}, by {name}", "s", taken) for name, taken in times.items())]


def _change(directory: Path, turn: int) -> None:
    """Change the first file of some partitions, others each turn."""
    paths = sorted((directory / "in").iterdir())
    for each in range(_CHANGED):
        with paths[(turn * _CHANGED + each) * _PER_PARTITION].open("a") as file:
            file.write("changed\n")


def _run(stack: LocalStack, recipe: Path, bench: Bench, *, taken: int) -> float:
    """Seconds of a whole run, submission and outputs among it.

    The outputs stay until the end, as an author's do: for minutes after many files are removed, ext4 looks at
    each of their inodes before it makes another one (`recently_deleted` in its ialloc.c).

    Raises:
        ValueError: other than so many partitions were taken; then something else was measured.
    """
    into = bench.new_directory()
    started = time.perf_counter()
    run = json.loads(stack.call("run", "--json", "--output-dir", str(into), str(recipe)))
    seconds = time.perf_counter() - started
    if (counts := run["partition_counts"]).get("Reused", 0) != taken:
        raise ValueError(f"{taken} partitions were to be taken, and these were: {counts}")
    return seconds


def _measure_overhead(bench: Bench) -> list[Figure]:
    """Processor time of keeping in tasks and in `publish`, and of looking up, over what does neither."""
    compile_worker()
    runs = ReusedRuns(bench.new_directory())
    names = [f"{number:03}" for number in range(_KEPT)]
    runs.write(**{name: f"{name}\n" for name in names})
    partitions = [[f"{name}.txt"] for name in names]
    turns = bench.in_turns({"all": partial(_overhead, runs, partitions, count())})["all"]
    parts = ("in its task", "in publish", "looking up")
    what = "processor time of looking up and keeping a result"
    return [
        Figure(what, "ms a partition", tuple(map(sum, turns)), goal=at_most(3)),
        *(
            Figure(f"{what}: {part}", "ms a partition", tuple(turn[at] for turn in turns))
            for at, part in enumerate(parts)
        ),
    ]


def _overhead(
    runs: ReusedRuns, partitions: list[list[str]], numbers: Iterator[int]
) -> tuple[float, float, float]:
    """Milliseconds a partition: of its task, of `publish`, and of `reuse`."""
    command = f"{_COPY_ALL} # {next(numbers)}"  # another result each turn
    with _task_server() as task_seconds:
        pairs = [
            [
                task_seconds(runs.prepared(runs.begin(command, partitions=partitions[:1], **plan), 0))
                for plan in _PLANS
            ]
            for _ in range(_PAIRS)
        ]
    keeping, plain = (median(seconds) for seconds in zip(*pairs, strict=True))
    published = []
    for plan in _PLANS:
        name = runs.begin(command, partitions=partitions, **plan)
        for number in range(len(partitions)):
            runs.process(name, number)
        published.append(_processor(partial(runs.publish, name, len(partitions), left=[], taken={})))
    name = runs.begin(command, partitions=partitions)
    looked_up = _processor(partial(runs.take, name))
    each = 1000 / len(partitions)
    return 1000 * (keeping - plain), each * (published[0] - published[1]), each * looked_up


@contextmanager
def _task_server() -> Iterator[Callable[[ProcessPaths], float]]:
    """Yield what runs a task and returns its seconds of processor time, its commands' included.

    Its PATH is that of tasks on this machine.
    """
    program = f"import sys; sys.path += {[*map(str, module_paths())]!r}\n{_TASKS}"
    path = user_programs(os.environ, private=(Path.home(),)).path
    with subprocess.Popen(
        [str(interpreter()), "-I", "-S", "-u", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PATH": path},
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        answers = server.stdout

        def seconds(paths: ProcessPaths) -> float:
            print(json.dumps(paths._asdict()), file=server.stdin, flush=True)
            return float(answers.readline())

        yield seconds
        server.stdin.close()


def _processor(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
