"""Maps on the local stack: CPU time, speed-up by a second core, and memory as the data grow."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

from benchmarks.bench import Bench
from benchmarks.figures import Baseline, Figure, at_least, at_most
from benchmarks.local_stack import LocalStack, local_stack
from benchmarks.map_data import MapData

_CLAIM = "polygons"
_ONE = MapData(1, -50.1, 69, -50, 69.04, 0.00004, 0.0003, 1)
"""What tasks take that have nothing to do: to start, and to import libraries."""
_DENSE = MapData(20_000, -50.1, 69, -50, 69.04, 0.00004, 0.0003, 2)
_THIN = MapData(5_000, -51, 69, -50, 69.5, 0.0002, 0.004, 4)
_WIDE = MapData(20_000, -52, 69, -50, 70, 0.0002, 0.004, 8)
"""As thin, on four times the area."""
_FEWER = MapData(100_000, -52, 69, -50, 69.8, 0.00004, 0.0003, 8)
_MANY = MapData(1_000_000, -56.325, 68, -50, 70.53, 0.00004, 0.0003, 8)
"""As dense as the fewer."""
_AT_ONCE = 2
_GIB = 1 << 30


class MapRun(NamedTuple):
    """What a run took: seconds altogether, of processors, and bytes of the largest process of each task."""

    seconds: float
    cpu_seconds: float
    memory: tuple[int, ...]

    @property
    def largest_pair(self) -> int:
        """Bytes that two tasks had together at most, were the two largest to run at once."""
        return sum(sorted(self.memory)[-2:])


def measure_maps(bench: Bench) -> list[Figure]:
    """Make two small maps one task after the other, and one on one processor and on two."""
    with _stack_with(bench, _ONE) as stack:
        least = min(_run(stack, bench, (6, 12)).cpu_seconds for _ in range(1 + bench.effort.repetitions))
    figures = [Figure("map of one polygon: processor time", "s", (least,))]
    for name, data, levels, goal in (("dense", _DENSE, (6, 13), 3.5), ("thin", _THIN, (6, 12), 10)):
        with _stack_with(bench, data) as stack:
            runs = [_run(stack, bench, levels) for _ in range(1 + bench.effort.repetitions)][1:]
        what = f"map of {data.number:,} polygons, {name}: processor time beyond that"
        figures.append(Figure(what, "s", tuple(run.cpu_seconds - least for run in runs), goal=at_most(goal)))
    return [*figures, *_speed_up(bench)]


def _speed_up(bench: Bench) -> list[Figure]:
    """Make a map by one recipe: with all that takes part on one processor, and on two.

    One task at a time would be no measure: services and engine would have the second processor meanwhile.
    """
    if len(os.sched_getaffinity(0)) < _AT_ONCE:
        return []
    with (
        _stack_with(bench, _WIDE, processors=1) as one,
        _stack_with(bench, _WIDE, processors=_AT_ONCE) as both,
    ):

        def run(stack: LocalStack, processors: int) -> float:
            with _held_to(processors):
                return _run(stack, bench, (6, 12), at_once=_AT_ONCE).seconds

        taken = bench.in_turns({1: partial(run, one, 1), _AT_ONCE: partial(run, both, _AT_ONCE)})
    ratios = tuple(each / faster for each, faster in zip(taken[1], taken[_AT_ONCE], strict=True))
    what = f"speed-up of a map of {_WIDE.number:,} polygons on two processors"
    return [Figure(what, "times", ratios, goal=at_least(1.8))]


def measure_large_maps(bench: Bench) -> list[Figure]:
    """Make a map of a million polygons, and one of a tenth of them on a tenth of the area; once each."""
    found = {}
    for data in (_FEWER, _MANY):
        with _stack_with(bench, data) as stack:
            found[data.number] = _run(stack, bench, (0, 12), at_once=_AT_ONCE)
    few, many = found.values()
    what = f"map of {_MANY.number:,} polygons"
    return [
        Figure(f"map of {_FEWER.number:,} polygons", "s", (few.seconds,)),
        Figure(what, "s", (many.seconds,), baseline=Baseline("a tenth of it", few.seconds)),
        Figure(f"{what}: growth from a tenth", "times", (many.seconds / few.seconds,), goal=at_most(11)),
        Figure(
            f"{what}: processor time",
            "s",
            (many.cpu_seconds,),
            baseline=Baseline("a tenth of it", few.cpu_seconds),
        ),
        Figure(f"{what}: largest task", "GiB", (max(many.memory) / _GIB,), goal=at_most(2)),
        Figure(f"{what}: two largest tasks", "GiB", (many.largest_pair / _GIB,), goal=at_most(2)),
    ]


@contextmanager
def _stack_with(bench: Bench, data: MapData, *, processors: int | None = None) -> Iterator[LocalStack]:
    """Have a stack that sees the data as a volume, and has that many processors, or all."""
    directory = bench.new_directory()
    data.write(directory / "in")
    directory.chmod(0o755)
    settings = {"OGDC_LOCAL_CLAIMS": json.dumps({_CLAIM: str(directory)})}
    with ExitStack() as parts:
        with _held_to(processors):
            stack = parts.enter_context(local_stack(bench, settings=settings))
        yield stack


@contextmanager
def _held_to(processors: int | None) -> Iterator[None]:
    """Hold this process to so many processors, or to all; what it starts meanwhile stays there."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(every)[:processors])
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


def _run(stack: LocalStack, bench: Bench, levels: tuple[int, int], *, at_once: int | None = None) -> MapRun:
    """Make a map, with one task per stage, or with one task per file and `at_once` tasks at a time."""
    recipe = _write_recipe(bench.new_directory(), levels, at_once)
    start = time.perf_counter()
    name = json.loads(stack.call("submit", "--wait", "--json", str(recipe)))["name"]
    seconds = time.perf_counter() - start
    with urlopen(f"{stack.url}/runs/{name}/facts") as answer:
        tasks = json.loads(answer.read())["tasks"]
    ran = [task["facts"]["totals"]["ran"] for task in tasks if task["facts"]]
    return MapRun(
        seconds, sum(each["cpu_seconds"] for each in ran), tuple(each["max_memory"] for each in ran)
    )


def _write_recipe(directory: Path, levels: tuple[int, int], at_once: int | None) -> Path:
    parallel: dict[str, Any] = {"enabled": at_once is not None, "partition_size": 1}
    if at_once is not None:
        parallel["max_parallelism"] = at_once
    meta = {
        "name": f"Benchmark of maps {directory.name}",
        "workflow": {"type": "visualization", "config_file": "config.json", "parallel": parallel},
        "input": {"params": [{"type": "pvc_mount", "claim_name": _CLAIM, "path": "in"}]},
        "output": {"type": "pvc"},
    }
    (directory / "meta.yml").write_text(json.dumps(meta))  # JSON is YAML
    (directory / "config.json").write_text(json.dumps({"ext_input": ".gpkg", "z_range": levels}))
    return directory
