"""Runs one command of a plan, for the whole partition or for one item, and reports on it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ogdc_shared import layout
from ogdc_shared.errors import CommandFailedError, InvalidRecipeError
from ogdc_shared.removal import empty, remove
from ogdc_shared.trees import flush
from ogdc_worker.process.command import command_environment, run_command
from ogdc_worker.process.memory_kills import MemoryKills
from ogdc_worker.process.outputs import OutputDefects, prepare_outputs
from ogdc_worker.process.unheeded_errors import UnheededErrors
from ogdc_worker.process.usage import Usage
from ogdc_worker.report import clip, now

if TYPE_CHECKING:
    from typing import Any

    from ogdc_shared.plan import Plan
    from ogdc_worker.process.command import CommandResult
    from ogdc_worker.process.paths import ProcessPaths
    from ogdc_worker.report import Reporter
    from ogdc_worker.secrets import Mask

_SHOWN_BYTES = 500
"""Bytes of a command line that are shown in logs and messages."""
_QUOTED_BYTES = 1000
"""Bytes of a command's output that are quoted in messages."""
_PARTS = frozenset(";|&(`")
_EXPLAINED = {
    128 + signal.SIGKILL: (
        " (killed, most often for want of memory; workflow.resources.memory asks for more)"
    ),
    128 + signal.SIGPIPE: " (SIGPIPE: a program wrote to one that no longer read)",
}
"""Explanations of exit codes."""


class WorkFile(NamedTuple):
    """An item that a command runs for."""

    path: str
    """Path of the input, as the command sees it."""
    name: str
    """Expected name of the output."""


class Execution:
    """Runs the commands of a plan."""

    def __init__(self, plan: Plan, paths: ProcessPaths, reporter: Reporter) -> None:
        self._plan = plan
        self._paths = paths
        self._reporter = reporter
        self._secrets: dict[str, str] = {}
        self._mask: Mask | None = None
        self._usage = Usage()
        """Resources used by the last command."""
        self.memory_kills = MemoryKills(paths.memory_events)
        self._killed = 0
        """Programs killed before the current command."""
        if os.path.isdir(paths.secrets):
            self._take_secrets(paths.secrets)

    def _take_secrets(self, directory: str) -> None:
        from ogdc_worker.report import hide
        from ogdc_worker.secrets import Mask, read_secrets

        self._secrets = read_secrets(directory)
        if both := self._secrets.keys() & {name for name, _ in self._plan.variables}:
            raise InvalidRecipeError(
                f"The variable {min(both)} comes from a secret and from a parameter: rename one of them."
            )
        self._mask = Mask(self._secrets.values())
        hide(self._secrets.values())

    def run(self, number: int, file: WorkFile | None = None) -> dict[str, Any]:
        """Run a command. Afterwards the output directory contains only its outputs, flushed to disk.

        Args:
            number: Number of the command, from 1.
            file: The item to run it for, or None for the whole partition.

        Returns:
            The event to log once the command is recorded as finished.

        Raises:
            CommandFailedError: it failed, or its outputs depend on files that will be gone.
            WarningsError: there is a warning, and the recipe treats warnings as failures.
        """
        empty(self._paths.outputs)
        try:
            return self._run(number, file)
        except BaseException:
            # Outputs of a failed command are never used, and may be what fills the disk.
            with suppress(OSError):
                empty(self._paths.outputs)
            raise

    def _run(self, number: int, file: WorkFile | None) -> dict[str, Any]:
        command = self._plan.commands[number - 1]
        facts: dict[str, Any] = {"number": number, "of": len(self._plan.commands), "line": command.line}
        if file:
            facts["file"] = file.path
        self._reporter.event("command_started", **facts, command=clip(command.text, _SHOWN_BYTES))
        # This remains as the message if the task is killed without a signal handler running.
        which = self._which(number, file).removesuffix(",")
        self._reporter.doing = f"{which}: {clip(command.text, _SHOWN_BYTES)}"
        self._reporter.last_words(f"It was at {self._reporter.doing}")
        facts["started_at"], started = now(), time.monotonic()
        errors = UnheededErrors()
        outcome = self._run_in_scratch(number, file, errors)
        self._reporter.doing = ""
        facts |= {"exit_code": outcome.exit_code, "seconds": round(time.monotonic() - started, 3)}
        facts |= {
            "cpu_seconds": round(self._usage.cpu_seconds, 3),
            "max_memory": self._usage.max_memory,
        }
        before, self._killed = self._killed, self.memory_kills.total()
        killed, others = self._killed - before, 0
        if layout.SHARED_CGROUP in os.environ:
            killed, others = 0, killed
        if outcome.exit_code or outcome.timed_out or outcome.left or killed:
            self._reporter.event("command_failed", **facts, timed_out=outcome.timed_out)
            raise CommandFailedError(
                self._failure(number, file, outcome, killed), number=number, exit_code=outcome.exit_code
            )
        if others:
            self._reporter.warn(
                "shell_error",
                f"{which} ended with 0, but meanwhile the kernel killed a program for lack of memory, of "
                "this command or of another process of the container (OGDC_SANDBOX=none)",
            )
        self._look_at_outputs(number, file, errors)
        self._reporter.refuse_warnings()
        flush(self._paths.outputs)
        return {"event": "command_finished"} | facts

    def _look_at_outputs(self, number: int, file: WorkFile | None, errors: UnheededErrors) -> None:
        """Warn about errors and outputs of a successful command; fail if the outputs will not work."""
        command = self._which(number, file)
        for unheeded in errors.close():
            from ogdc_worker.process.output_warnings import about_unheeded

            self._reporter.warn(unheeded.kind, about_unheeded(command, unheeded))
        is_last = number == len(self._plan.commands)
        left = prepare_outputs(self._paths, is_last=is_last)
        if left != OutputDefects():
            from ogdc_worker.process import output_warnings

            for kind, message in output_warnings.about_outputs(command, left, is_last=is_last):
                self._reporter.warn(kind, message)
            if refusal := output_warnings.refusal(command, left, is_last=is_last):
                raise CommandFailedError(refusal, number=number, exit_code=0)

    def _run_in_scratch(self, number: int, file: WorkFile | None, errors: UnheededErrors) -> CommandResult:
        """Run a command line in a temporary directory."""
        scratch = f"{self._paths.scratch}/ogdc-{os.urandom(8).hex()}"
        notes, warnings = f"{scratch}.failed", f"{scratch}.warnings"
        os.mkdir(scratch, 0o700)
        os.chdir(scratch)
        shell, text = self._plan.shell, self._plan.commands[number - 1].text
        environment = self._environment(file)
        if self._plan.own:
            from ogdc_worker.process.own_program import own_environment, own_python

            shell, environment = own_python(), own_environment(environment, warnings)
        try:
            return run_command(
                text,
                environment=environment,
                timeout=self._plan.command_timeout,
                shell=shell,
                notes=notes if self._plan.strict and shell[0] == "bash" and _has_parts(text) else None,
                on_wait=partial(self._log_background, number),
                on_output=errors.feed,
                on_end=self._note_usage,
                mask=self._mask,
            )
        finally:
            os.chdir("/")
            if self._plan.own:
                self._take_warnings(number, warnings)
            for path in (scratch, notes, f"{notes}.pipe", warnings):
                remove(path)

    def _take_warnings(self, number: int, path: str) -> None:
        from ogdc_worker.process.own_program import read_own_warnings

        for kind, message in read_own_warnings(path):
            self._reporter.warn(kind, message, number=number)

    def _note_usage(self, usage: Usage) -> None:
        self._usage = usage

    def _log_background(self, number: int, processes: str) -> None:
        self._reporter.event(
            "command_background", number=number, of=len(self._plan.commands), processes=processes
        )

    def _environment(self, file: WorkFile | None) -> dict[str, str]:
        at = self._paths
        paths = {
            "INPUT_DIR": at.input_dir,
            "OUTPUT_DIR": at.output_dir,
            "RECIPE_DIR": at.recipe,
        }
        if file:
            paths |= {"INPUT_FILE": file.path, "OUTPUT_FILE": f"{at.output_dir}/{file.name}"}
        return command_environment(os.environ, **self._secrets | dict(self._plan.variables) | paths)

    def _which(self, number: int, file: WorkFile | None) -> str:
        which = f"command {number} of {len(self._plan.commands)}"
        return f"{which}, for {file.path!r}," if file else which

    def _failure(self, number: int, file: WorkFile | None, outcome: CommandResult, killed: int) -> str:
        from ogdc_worker.process.error_lines import error_lines
        from ogdc_worker.process.reasons import hints
        from ogdc_worker.room import shortage

        command = self._plan.commands[number - 1]
        lines = error_lines(outcome.output)
        where = (
            f" — in: {clip(outcome.culprit, _SHOWN_BYTES)}"
            if outcome.culprit not in {"", command.text}
            else ""
        )
        quoted = f" — it wrote: {clip(lines, _QUOTED_BYTES)}" if lines else ""
        how = _how_it_failed(outcome, self._plan.command_timeout, killed)
        what_to_do = hints(
            command.text,
            culprit=outcome.culprit,
            exit_code=outcome.exit_code,
            output=outcome.output,
            path=self._environment(file).get("PATH", os.defpath),
        )
        advice = f" — {what_to_do}" if what_to_do else ""
        full = f" — {text}" if (text := shortage(self._paths.outputs)) else ""
        line = clip(command.text, _SHOWN_BYTES)
        return f"{self._which(number, file)} {how}{full}: {line}{where}{quoted}{advice}"


def _has_parts(text: str) -> bool:
    """Whether a line may run several programs, so that it is worth finding out which one failed."""
    return not _PARTS.isdisjoint(text)


def _how_it_failed(outcome: CommandResult, timeout: float | None, killed: int) -> str:
    left = ", ".join(outcome.left)
    if outcome.timed_out:
        waiting = f", while it waited for what it had left running ({left})" if left else ""
        return f"was stopped after {timeout:g} seconds, its timeout{waiting}"
    if left and not outcome.exit_code:
        return (
            f"ended and left running what does not end with it ({left}). Have the line itself end it, or not "
            "start it as a daemon"
        )
    ended = f"failed with exit code {outcome.exit_code}" if outcome.exit_code else "ended with exit code 0"
    if killed:
        programs = "a program" if killed == 1 else f"{killed} programs"
        but = "" if outcome.exit_code else ", but its outputs may be incomplete"
        return (
            f"{ended}{but}: the kernel killed {programs} for lack of memory "
            "(workflow.resources.memory asks for more)"
        )
    return ended + _EXPLAINED.get(outcome.exit_code, "")
