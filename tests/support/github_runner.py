"""GitHub's runner with the features that action.yml uses: steps, inputs, files and commands.

Source: actions/runner, src/Runner.Common/ActionCommand.cs, src/Runner.Worker/ActionCommandManager.cs,
FileCommandManager.cs and Handlers/ScriptHandlerHelpers.cs.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from support.stack import user_environment

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
_EXPRESSION = re.compile(r"\$\{\{ ([a-z-]+)\.([\w.-]+) \}\}")
_KNOWN = {
    "error",
    "warning",
    "notice",
    "add-mask",
    "set-output",
    "stop-commands",
    "group",
    "endgroup",
    "debug",
}
_V2 = re.compile(r"\s*::(?P<name>\S+?)(?: (?P<properties>.*?))?::(?P<data>.*)")
_V1 = re.compile(r".*?##\[(?P<name>[^\s\]]+)(?: (?P<properties>[^\]]*))?\](?P<data>.*)")


class Command(NamedTuple):
    """A workflow command that the runner executes."""

    name: str
    properties: dict[str, str]
    data: str


class Step(NamedTuple):
    """How a step ended."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str

    @property
    def commands(self) -> list[Command]:
        return list(obeyed(self.log))

    def annotations(self, level: str) -> list[Command]:
        """The annotations of a level."""
        return [command for command in self.commands if command.name == level]


class Runner:
    """A job on a machine of its own, with a checked-out repository."""

    def __init__(
        self, root: Path, *, environ: Mapping[str, str] | None = None, python: str = sys.executable
    ) -> None:
        self._python = python
        self.workspace, self.temp = root / "work space", root / "runner temp"
        self.workspace.mkdir(parents=True)
        self.temp.mkdir()
        self._environ = user_environment(root / "home") | dict(environ or {})

    def take_program(self, start: str = "-m ogdc_cli") -> None:
        """Install the command line under test in place of a release; `start` are Python's arguments."""
        program = self.temp / "ogdc-runner" / "bin" / "ogdc-runner"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {start} "$@"\n')
        program.chmod(0o755)

    def run(self, name: str, *, timeout: float = 120, **inputs: str) -> Step:
        """Run a step of the action to its end; inputs have `_` for `-`."""
        with self.start(name, **inputs) as process:
            return self.ended(process, timeout=timeout)

    @contextmanager
    def start(self, name: str, **inputs: str) -> Iterator[subprocess.Popen[str]]:
        """Start a step, its script run as the runner runs it; at the end of the block it is killed."""
        [step] = [step for step in ACTION["runs"]["steps"] if step.get("name") == name]
        assert step["shell"] == "bash"
        script = self.temp / "script.sh"
        script.write_text(step["run"])
        for file in ("output", "summary"):
            (self.temp / file).write_text("")
        with subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            env=self._step_environment(step, {key.replace("_", "-"): value for key, value in inputs.items()}),
            cwd=self.workspace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def cancel(self, process: subprocess.Popen[str]) -> Step:
        """Cancel a step. GitHub gives it 7.5 seconds to end; a stalled test machine may take longer."""
        process.send_signal(signal.SIGINT)
        return self.ended(process, timeout=60)

    def ended(self, process: subprocess.Popen[str], *, timeout: float) -> Step:
        """Wait for a step to end."""
        log, _ = process.communicate(timeout=timeout)
        return Step(process.returncode, log, self.outputs(), (self.temp / "summary").read_text())

    def outputs(self) -> dict[str, str]:
        """Return the outputs that the step has set so far."""
        return dict(outputs((self.temp / "output").read_text()))

    def _step_environment(self, step: dict[str, Any], inputs: dict[str, str]) -> dict[str, str]:
        given = {name: entry.get("default", "") for name, entry in ACTION["inputs"].items()} | inputs
        assert given.keys() == ACTION["inputs"].keys()
        contexts = {
            "inputs": given,
            "github": {"actor": "octo-cat[bot]"},
            "steps": {"python.outputs.python-path": self._python},
        }
        own = {
            name: _EXPRESSION.sub(lambda found: contexts[found[1]][found[2]], value)
            for name, value in step["env"].items()
        }
        files = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}
        return (
            self._environ
            | {name: str(self.temp / file) for name, file in files.items()}
            | {"GITHUB_WORKSPACE": str(self.workspace), "GITHUB_ACTION_PATH": str(ROOT)}
            | {"RUNNER_TEMP": str(self.temp)}
            | own
        )


def obeyed(log: str) -> Iterator[Command]:
    """The commands of a log; between `stop-commands` and its token there are none."""
    token = None
    for line in re.split(r"\r\n|\r|\n", log):
        command = _command(line, _KNOWN | {token or ""})
        if token:
            token = None if command and command.name == token else token
        elif command and command.name == "stop-commands":
            token = command.data
        elif command:
            yield command
    assert token is None, "commands are still stopped"


def _command(line: str, known: set[str]) -> Command | None:
    for form, between in ((_V2, ","), (_V1, ";")):
        if (found := form.fullmatch(line)) and found["name"] in known:
            pairs = (pair.partition("=") for pair in (found["properties"] or "").split(between) if pair)
            return Command(
                found["name"], {key.strip(): _plain(value) for key, _, value in pairs}, _plain(found["data"])
            )
    return None


def _plain(text: str) -> str:
    for code, character in {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}.items():
        text = text.replace(code, character)
    return text


def outputs(text: str) -> Iterator[tuple[str, str]]:
    lines = iter(text.split("\n"))
    for line in lines:
        if "<<" in line:
            name, end = line.split("<<", 1)
            value: list[str] = []
            for inner in lines:
                if inner == end:
                    break
                value.append(inner)
            yield name, "\n".join(value)
        elif line:
            name, value_text = line.split("=", 1)
            yield name, value_text
