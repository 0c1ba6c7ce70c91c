"""`ogdc-worker process`: fetch a partition's inputs and run the recipe's commands, one after the other.

`/input_dir` and `/output_dir` are mounts of their own, so nothing can be renamed between them; but both lie
in the workspace, which is mounted whole, and there it can. The steps (see `checkpoint`):

1. `fetch` and `place` bring the inputs to where the first command reads.
2. `run 1` empties `/output_dir` and runs the command.
3. `clear 1` removes what the command read, `hand on 1` moves what it wrote to where the next one reads.
4. `run 2` and so on. What the last command wrote stays in `/output_dir` for `publish`.

Removing and moving are two steps: after a crash in the middle of either it is known which of the files in
`/input_dir` are old and which are new.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ogdc_shared import layout
from ogdc_shared.errors import CommandFailedError, ConfigurationError, UnsupportedError
from ogdc_shared.plan import Partition, Plan
from ogdc_shared.worker.checkpoint import Checkpoint
from ogdc_shared.worker.command import command_environment, run_command
from ogdc_shared.worker.report import clip
from ogdc_shared.worker.trees import empty, flush, flush_entries, move_children, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ogdc_shared.plan import Command
    from ogdc_shared.worker.command import Outcome
    from ogdc_shared.worker.report import Reporter

_SHOWN_BYTES = 500
"""How much of a command line goes into log lines and messages."""


class Places(NamedTuple):
    """Where a task finds its things; see `layout`."""

    workspace: str = layout.WORKFLOW_MOUNT
    input_dir: str = layout.INPUT_DIR
    """As the commands see it; the worker goes through the workspace."""
    output_dir: str = layout.OUTPUT_DIR
    plan: str = layout.PLAN_PATH
    partition: str = layout.PARTITION_PATH
    recipe: str = layout.RECIPE_PATH
    scratch: str = "/tmp"  # noqa: S108  the task's own


class Step(NamedTuple):
    """One restartable part of a task."""

    name: str
    run: Callable[[], dict[str, Any] | None]
    """Returns the facts of an event to log once the step is finished."""


def process(places: Places, reporter: Reporter) -> None:
    """Do what is left to do of a partition.

    Raises:
        CommandFailedError: a command did not end well.
        InputError: an input cannot be had, or the plan cannot be carried out.
        UnavailableError: something is away; trying again goes on here.
        OSError: the workspace cannot be written.
    """
    with open(places.plan, "rb") as plan, open(places.partition, "rb") as partition:
        _Process(Plan.from_json(plan.read()), Partition.from_json(partition.read()), places, reporter).run()


class _Process:
    """The steps of one partition."""

    def __init__(self, plan: Plan, partition: Partition, places: Places, reporter: Reporter) -> None:
        if plan.per_file:
            raise UnsupportedError(
                "This worker does not run commands once per file yet; turn workflow.parallel off."
            )
        self._plan = plan
        self._partition = partition
        self._places = places
        self._reporter = reporter
        self._store = f"{places.workspace}/fetch"
        self._inputs = f"{places.workspace}/input_dir"
        self._outputs = f"{places.workspace}/output_dir"

    def run(self) -> None:
        """Do the steps that the checkpoint does not hold."""
        with closing(Checkpoint(f"{self._places.workspace}/checkpoint")) as checkpoint:
            for step in self._steps_left(checkpoint.finished):
                facts = step.run()
                checkpoint.record(step.name)
                self._tell(facts, checkpoint.finished)
            empty(self._inputs)  # nobody reads them again, and the volume is shared

    def _steps_left(self, finished: list[str]) -> list[Step]:
        steps = list(self._steps())
        if finished != [step.name for step in steps[: len(finished)]]:
            raise ConfigurationError(
                f"{self._places.workspace} holds the checkpoint of another plan. Submit the recipe again."
            )
        if finished:
            self._reporter.event("resumed", after=finished[-1])
        return steps[len(finished) :]

    def _steps(self) -> Iterator[Step]:
        yield Step("fetch", self._fetch)
        yield Step("place", self._place)
        for number, command in enumerate(self._plan.commands, start=1):
            if number > 1:
                yield Step(f"clear {number - 1}", self._clear)
                yield Step(f"hand on {number - 1}", self._hand_on)
            yield Step(f"run {number}", partial(self._run, number, command))

    def _tell(self, facts: dict[str, Any] | None, finished: list[str]) -> None:
        if facts:
            self._reporter.event(**facts)
        done = sum(name.startswith("run ") for name in finished)
        self._reporter.progress(done, len(self._plan.commands))

    def _fetch(self) -> None:
        from ogdc_shared.worker.fetch import fetch_inputs

        fetch_inputs(
            self._partition.files,
            store=self._store,
            recipe=self._places.recipe,
            report=lambda fetched: self._reporter.event("fetched", **fetched._asdict()),
        )

    def _place(self) -> None:
        from ogdc_shared.worker.fetch import place_inputs

        place_inputs(self._store, self._inputs)

    def _run(self, number: int, command: Command) -> dict[str, Any]:
        empty(self._outputs)
        facts: dict[str, Any] = {"number": number, "of": len(self._plan.commands), "line": command.line}
        self._reporter.event("command_started", **facts, command=clip(command.text, _SHOWN_BYTES))
        started = time.monotonic()
        outcome = self._run_in_scratch(command)
        facts |= {"exit_code": outcome.exit_code, "seconds": round(time.monotonic() - started, 3)}
        if outcome.exit_code or outcome.timed_out:
            self._reporter.event("command_failed", **facts, timed_out=outcome.timed_out)
            raise CommandFailedError(
                self._failure(number, command, outcome), number=number, exit_code=outcome.exit_code
            )
        flush(self._outputs)
        return {"event": "command_finished"} | facts

    def _run_in_scratch(self, command: Command) -> Outcome:
        """Run a command in a directory of its own, which nobody keeps."""
        scratch = f"{self._places.scratch}/ogdc-{os.urandom(8).hex()}"
        os.mkdir(scratch, 0o700)
        os.chdir(scratch)
        try:
            return run_command(
                command.text,
                environment=command_environment(
                    os.environ, INPUT_DIR=self._places.input_dir, OUTPUT_DIR=self._places.output_dir
                ),
                timeout=self._plan.command_timeout,
            )
        finally:
            os.chdir("/")
            remove(scratch)

    def _failure(self, number: int, command: Command, outcome: Outcome) -> str:
        how = _how_it_failed(outcome, self._plan.command_timeout)
        said = f" — stderr: {outcome.stderr}" if outcome.stderr else ""
        line = clip(command.text, _SHOWN_BYTES)
        return f"command {number} of {len(self._plan.commands)} {how}: {line}{said}"

    def _clear(self) -> None:
        empty(self._inputs)
        flush_entries(self._inputs)

    def _hand_on(self) -> None:
        move_children(self._outputs, self._inputs)


def _how_it_failed(outcome: Outcome, timeout: float | None) -> str:
    if outcome.timed_out:
        return f"was stopped after {timeout:g} seconds, its timeout"
    failed = f"failed with exit code {outcome.exit_code}"
    if outcome.exit_code == 128 + signal.SIGKILL:
        return f"{failed} (killed, most often for want of memory; workflow.resources.memory asks for more)"
    return failed
