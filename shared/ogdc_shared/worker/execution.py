"""Run one command of a plan, for all files of a partition or for one, and tell of it."""

from __future__ import annotations

import os
import signal
import time

from ogdc_shared.errors import CommandFailedError
from ogdc_shared.light import TYPE_CHECKING, NamedTuple
from ogdc_shared.worker.command import command_environment, run_command
from ogdc_shared.worker.report import clip
from ogdc_shared.worker.trees import empty, flush, remove

if TYPE_CHECKING:
    from typing import Any

    from ogdc_shared.plan import Plan
    from ogdc_shared.worker.command import Outcome
    from ogdc_shared.worker.places import Places
    from ogdc_shared.worker.report import Reporter

_SHOWN_BYTES = 500
"""How much of a command line goes into log lines and messages."""


class WorkFile(NamedTuple):
    """A file that a command is run for."""

    path: str
    """Of the input, as the command sees it."""
    name: str
    """Of the output that is expected of the command."""


class Execution:
    """Runs the commands of a plan."""

    def __init__(self, plan: Plan, places: Places, reporter: Reporter) -> None:
        self._plan = plan
        self._places = places
        self._reporter = reporter

    def run(self, number: int, file: WorkFile | None = None) -> dict[str, Any]:
        """Run a command; what it wrote, and nothing else, is in the output directory and on disk afterwards.

        Args:
            number: Which of the commands, counting from 1.
            file: Tells the command which file it is for; None: for all there are.

        Returns:
            The event to report once it is recorded that the command need not run again.

        Raises:
            CommandFailedError: it did not end well.
        """
        empty(self._places.outputs)
        command = self._plan.commands[number - 1]
        facts: dict[str, Any] = {"number": number, "of": len(self._plan.commands), "line": command.line}
        if file:
            facts["file"] = file.path
        self._reporter.event("command_started", **facts, command=clip(command.text, _SHOWN_BYTES))
        # For whoever ends the task without asking: the kernel, the kubelet, the local engine.
        which = f"command {number} of {len(self._plan.commands)}" + (f", for {file.path!r}" if file else "")
        self._reporter.last_words(f"It was at {which}: {clip(command.text, _SHOWN_BYTES)}")
        started = time.monotonic()
        outcome = self._run_in_scratch(command.text, file)
        facts |= {"exit_code": outcome.exit_code, "seconds": round(time.monotonic() - started, 3)}
        if outcome.exit_code or outcome.timed_out:
            self._reporter.event("command_failed", **facts, timed_out=outcome.timed_out)
            raise CommandFailedError(
                self._failure(number, file, outcome), number=number, exit_code=outcome.exit_code
            )
        flush(self._places.outputs)
        return {"event": "command_finished"} | facts

    def _run_in_scratch(self, text: str, file: WorkFile | None) -> Outcome:
        """Run a command line in a directory of its own, which nobody keeps."""
        scratch = f"{self._places.scratch}/ogdc-{os.urandom(8).hex()}"
        os.mkdir(scratch, 0o700)
        os.chdir(scratch)
        try:
            return run_command(text, environment=self._environment(file), timeout=self._plan.command_timeout)
        finally:
            os.chdir("/")
            remove(scratch)

    def _environment(self, file: WorkFile | None) -> dict[str, str]:
        places = self._places
        paths = {
            "INPUT_DIR": places.input_dir,
            "OUTPUT_DIR": places.output_dir,
            "RECIPE_DIR": places.recipe,
        }
        if file:
            paths |= {"INPUT_FILE": file.path, "OUTPUT_FILE": f"{places.output_dir}/{file.name}"}
        return command_environment(os.environ, **dict(self._plan.variables), **paths)

    def _failure(self, number: int, file: WorkFile | None, outcome: Outcome) -> str:
        from ogdc_shared.worker.reasons import hints

        command = self._plan.commands[number - 1]
        which = f"command {number} of {len(self._plan.commands)}"
        if file:
            which += f", for {file.path!r},"
        said = f" — stderr: {outcome.stderr}" if outcome.stderr else ""
        how = _how_it_failed(outcome, self._plan.command_timeout)
        what_to_do = hints(
            command.text,
            exit_code=outcome.exit_code,
            stderr=outcome.stderr,
            path=self._environment(file).get("PATH", os.defpath),
        )
        return f"{which} {how}: {clip(command.text, _SHOWN_BYTES)}{said}{what_to_do and f' — {what_to_do}'}"


def _how_it_failed(outcome: Outcome, timeout: float | None) -> str:
    if outcome.timed_out:
        return f"was stopped after {timeout:g} seconds, its timeout"
    failed = f"failed with exit code {outcome.exit_code}"
    if outcome.exit_code == 128 + signal.SIGKILL:
        return f"{failed} (killed, most often for want of memory; workflow.resources.memory asks for more)"
    return failed
