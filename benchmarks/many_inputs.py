"""Recipes with very many inputs: validating, resolving and compiling."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.bench import Bench
from benchmarks.commands import RUNNER, CommandError, seconds
from benchmarks.figures import Baseline, Figure, Goal, at_most
from benchmarks.service import inherited

_GOALS: Mapping[int, tuple[Goal | None, Goal | None]] = {
    1_000: (None, None),
    10_000: (None, None),
    100_000: (at_most(1.5), at_most(150)),
    1_000_000: (at_most(12), at_most(400)),
}
"""Number of URLs → most seconds and MiB."""
_MAX_MANIFEST = at_most(32)
_META = """\
name: {name}
workflow:
  type: shell
  parallel:
    enabled: true{size}
input:
  params:
    - type: url_list
      file: urls.txt
"""
_READ = "import sys\nfor line in open(sys.argv[1]): pass"


class Compilation(NamedTuple):
    """What one `ogdc-runner compile` took, the interpreter's start and all imports among it."""

    seconds: float
    peak: float
    """MiB of memory."""
    manifest: float
    """KiB of the workflow."""


def measure_compile(bench: Bench) -> list[Figure]:
    """Compile parallel recipes whose inputs are a list of URLs."""
    figures: list[Figure] = []
    for number, (time_goal, memory_goal) in _GOALS.items():
        recipe = write_recipe(bench.new_directory(), number)
        taken = bench.in_turns({"compile": partial(_compile, recipe)})["compile"]
        reading = [sys.executable, "-c", _READ, str(recipe / "urls.txt")]
        least = bench.in_turns({"read": partial(seconds, reading, inherited())})["read"]
        baseline = Baseline("reading the list", median(least))
        what = f"compile of {number:,} URLs"
        figures += [
            Figure(what, "s", tuple(each.seconds for each in taken), goal=time_goal, baseline=baseline),
            Figure(f"{what}: memory", "MiB", tuple(each.peak for each in taken), goal=memory_goal),
            Figure(f"{what}: manifest", "KiB", tuple(each.manifest for each in taken), goal=_MAX_MANIFEST),
        ]
    return figures


def _compile(recipe: Path) -> Compilation:
    start = time.perf_counter()
    printed, peak = _measured([RUNNER, "compile", "--json", str(recipe)], inherited())
    return Compilation(time.perf_counter() - start, peak=peak / 1024, manifest=len(printed) / 1024)


def _measured(command: Sequence[str], environ: Mapping[str, str]) -> tuple[bytes, int]:
    """Return what a command prints, and the most memory (KiB) that it had at a time."""
    process = subprocess.Popen(command, env=dict(environ), stdout=subprocess.PIPE)
    with process:
        printed = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CommandError(f"{' '.join(command)}: exit code {process.returncode}")
    return printed, usage.ru_maxrss


def write_recipe(
    directory: Path, number: int, *, name: str = "Benchmark of many inputs", partition_size: int | None = None
) -> Path:
    """Write a parallel recipe of so many URLs, and return its directory."""
    size = f"\n    partition_size: {partition_size}" if partition_size else ""
    (directory / "meta.yml").write_text(_META.format(name=name, size=size))
    (directory / "recipe.sh").write_text('cp "$INPUT_FILE" "$OUTPUT_FILE"\n')
    with (directory / "urls.txt").open("w") as urls:
        urls.writelines(
            f"https://data.example.org/arcticdem/v4.1/2m/{n % 90:02}_{n % 70:02}/tile_{n:07}_dem.tif\n"
            for n in range(number)
        )
    return directory
