"""The command line with the local stack."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from benchmarks.bench import Bench
from benchmarks.commands import RUNNER, call, seconds
from benchmarks.figures import Baseline, Figure, Goal, at_most
from benchmarks.records import write_recipe
from benchmarks.service import ROOT, inherited
from ogdc_shared.recipe.recipe import load_recipe

_EXAMPLE = ROOT / "docs" / "examples" / "raster-with-overviews"
_OUTPUT_BYTES = 20 << 20


class LocalStack:
    """A local stack with a state directory of its own."""

    def __init__(self, state: Path, settings: Mapping[str, str]) -> None:
        self._state = state
        self.environ = inherited() | {"OGDC_STATE_DIR": str(state), **settings}

    def call(self, *arguments: str) -> str:
        return call([RUNNER, *arguments], self.environ)

    def seconds(self, *arguments: str) -> float:
        return seconds([RUNNER, *arguments], self.environ)

    @property
    def url(self) -> str:
        url: str = json.loads((self._state / "stack.json").read_text())["url"]
        return url


def measure_get_output(bench: Bench) -> list[Figure]:
    """Fetch 20 MiB that do not compress."""
    recipe = write_recipe(
        bench.new_directory(),
        output="temporary",
        commands=f"head -c {_OUTPUT_BYTES} /dev/urandom > /output_dir/random.bin\n",
    )
    into = str(bench.new_directory())
    with local_stack(bench) as stack:
        name = json.loads(stack.call("submit", "--wait", "--json", str(recipe)))["name"]
        taken = bench.in_turns(
            {
                "get-output": partial(stack.seconds, "get-output", name, "--output-dir", into),
                "download": partial(_download, f"{stack.url}/output/{name}", bench.new_directory()),
            }
        )
    baseline = Baseline("a bare download", median(taken["download"]))
    return [Figure("get-output of 20 MiB", "s", taken["get-output"], goal=at_most(0.5), baseline=baseline)]


def measure_run(bench: Bench) -> list[Figure]:
    """Run the example of four commands, nothing taken from the run before, and the same in a plain shell."""
    script = _as_script(bench.new_directory())

    def run(stack: LocalStack) -> float:
        return stack.seconds("run", "--fresh", str(_EXAMPLE), "--output-dir", str(bench.new_directory()))

    def first() -> float:
        with local_stack(bench, up=False) as stack:
            return run(stack)

    def again(stack: LocalStack) -> float:
        stack.call("down")
        return run(stack)

    with local_stack(bench) as warm, local_stack(bench) as other:
        trials: dict[str, Callable[[], float]] = {
            "shell": partial(seconds, ["sh", "-e", str(script)], inherited()),
            "stack up": partial(run, warm),
            "stack down": partial(again, other),
            "first time": first,
        }
        taken = bench.in_turns(trials)
    shell = Baseline("the bare shell", median(taken.pop("shell")))
    goals = {"stack up": at_most(1), "stack down": None, "first time": at_most(4)}
    return [figure for name, goal in goals.items() for figure in _figures(name, taken[name], shell, goal)]


def _figures(name: str, taken: tuple[float, ...], shell: Baseline, goal: Goal | None) -> Iterator[Figure]:
    """Make figures of the whole, and of what it takes beyond the commands themselves."""
    yield Figure(f"run of 4 commands, {name}", "s", taken, baseline=shell)
    over = tuple(value - shell.value for value in taken)
    yield Figure(f"run of 4 commands, {name}: over the shell", "s", over, goal=goal)


@contextmanager
def local_stack(
    bench: Bench, *, up: bool = True, settings: Mapping[str, str] | None = None
) -> Iterator[LocalStack]:
    """Have a stack, or the place for one, and leave none behind."""
    stack = LocalStack(bench.new_directory(), settings or {})
    try:
        if up:
            stack.call("up")
        yield stack
    finally:
        stack.call("down")


def _download(output: str, into: Path) -> float:
    start = time.perf_counter()
    with urlopen(output) as answer:
        link = json.loads(answer.read())["data_url"]
    with urlopen(link) as answer, (into / "output.zip").open("wb") as file:
        shutil.copyfileobj(answer, file, 1 << 20)
    return time.perf_counter() - start


def _as_script(directory: Path) -> Path:
    """Write the example's commands as one shell script; each output directory is the next one's input."""
    recipe = load_recipe(_EXAMPLE)
    lines = [f"rm -rf {directory}/*/", f"mkdir {directory}/0", f"cp {_EXAMPLE}/data/* {directory}/0"]
    for number, command in enumerate(recipe.commands):
        text = command.text.replace("/input_dir", f"{directory}/{number}")
        lines += [
            f"mkdir {directory}/{number + 1}",
            text.replace("/output_dir", f"{directory}/{number + 1}"),
        ]
    script = directory / "commands.sh"
    script.write_text("\n".join(lines) + "\n")
    return script
