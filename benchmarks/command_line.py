"""Commands that need no server."""

from __future__ import annotations

import sys
from functools import partial
from statistics import median

from benchmarks.bench import Bench
from benchmarks.commands import RUNNER, seconds
from benchmarks.figures import Baseline, Figure, at_most
from benchmarks.records import write_recipe
from benchmarks.service import inherited


def measure_start(bench: Bench) -> list[Figure]:
    """Start `ogdc-runner` for its help, and to check a recipe."""
    recipe = write_recipe(bench.new_directory())
    commands = {
        "python": [sys.executable, "-c", ""],
        "--help": [RUNNER, "--help"],
        "validate-recipe": [RUNNER, "validate-recipe", str(recipe)],
    }
    taken = bench.in_turns(
        {name: partial(seconds, command, inherited()) for name, command in commands.items()}
    )
    baseline = Baseline("python -c ''", median(taken["python"]))
    goals = {"--help": at_most(0.15), "validate-recipe": at_most(0.25)}
    return [
        Figure(f"ogdc-runner {name}", "s", taken[name], goal=goal, baseline=baseline)
        for name, goal in goals.items()
    ]
