"""The worker as in a container: its absolute paths are real mounts, made by bubblewrap.

::

    task = ProcessTask(tmp_path, plan=plan, partition=partition)
    result = task.run()
    assert result.exit_code == 0
    assert (task.outputs / "a.tif").exists()

The machine's own files are there read-only; `/tmp`, `/dev` and the process namespace are the task's own, so
killing a task kills all that it has started.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ogdc_shared
from ogdc_shared import layout
from ogdc_shared.plan import Partition, Plan

_OWN = {"dev", "proc", "tmp", "mnt", "ogdc", "input_dir", "output_dir"}


@dataclass
class Result:
    """How a task ended."""

    exit_code: int
    stdout: str
    stderr: str
    last_words: str
    progress: str

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The worker's own log lines."""
        lines = [line for line in self.stdout.splitlines() if line.startswith('{"time"')]
        events: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [event for event in events if name in (None, event["event"])]


class Task:
    """A task that can be run repeatedly in the same place, like a retried pod.

    Attributes:
        arguments: What `ogdc-worker` is called with.
        environment: Added to the few variables that a container would have.
        prefix: Put before the sandbox's command line; prepares its surroundings, then executes it.
    """

    def __init__(self, directory: Path, arguments: Sequence[str]) -> None:
        self.directory = directory
        self.arguments = list(arguments)
        self.environment: dict[str, str] = {}
        self.prefix: list[str] = []
        self._last_words = directory / "termination-log"
        self._progress = directory / "progress"

    def mounts(self) -> Mapping[str, Path]:
        """Path in the sandbox → directory or file outside, writable."""
        raise NotImplementedError

    def start(self) -> subprocess.Popen[bytes]:
        """Start the task; `finish` gives its result."""
        self._last_words.write_text("")
        self._progress.write_text("")
        return subprocess.Popen(
            self._command_line(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            process_group=0,
        )

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a started task with all it has started, as the end of a container does.

        The whole group, since bubblewrap's second process outlives the first if that is killed too soon.
        """
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def finish(self, process: subprocess.Popen[bytes], *, timeout: float = 300) -> Result:
        """Wait for a started task."""
        with process:
            try:
                stdout, stderr = process.communicate(timeout=timeout)
            except BaseException:
                self.kill(process)
                raise
        return Result(
            exit_code=process.returncode,
            stdout=stdout.decode(errors="replace"),
            stderr=stderr.decode(errors="replace"),
            last_words=self._last_words.read_text(errors="replace"),
            progress=self._progress.read_text().strip(),
        )

    def run(self, *, timeout: float = 300) -> Result:
        """Start the task and wait for its end."""
        return self.finish(self.start(), timeout=timeout)

    def _command_line(self) -> list[str]:
        mounts = {
            **self.mounts(),
            layout.TERMINATION_LOG_PATH: self._last_words,
            "/tmp/progress": self._progress,
        }
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": "/tmp",
            "LANG": "C.UTF-8",
            "ARGO_PROGRESS_FILE": "/tmp/progress",
        } | self.environment
        return [
            *self.prefix,
            bubblewrap(),
            *("--die-with-parent", "--new-session", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
            *([] if os.geteuid() == 0 else ["--unshare-user"]),
            *_machine(),
            *(word for target, source in mounts.items() for word in ("--bind", str(source), target)),
            *_python_below_tmp(),
            *(word for name, value in environment.items() for word in ("--setenv", name, value)),
            "--",
            *(sys.executable, "-m", "ogdc_worker", *self.arguments),
        ]


class ProcessTask(Task):
    """`ogdc-worker process` of one partition.

    Attributes:
        workspace: What the task sees at `/mnt/workflow`.
        recipe: The recipe's directory.
    """

    def __init__(
        self, directory: Path, *, plan: Plan, partition: Partition, claims: Mapping[str, Path] | None = None
    ) -> None:
        super().__init__(directory, ["process"])
        self.claims = claims or {}
        self.workspace = directory / "workspace"
        self.recipe = directory / "recipe"
        for made in (self.inputs, self.outputs, self.recipe):
            made.mkdir(parents=True, exist_ok=True)
        (directory / "plan.json").write_text(plan.to_json())
        (directory / "partition.json").write_text(partition.to_json())

    @property
    def inputs(self) -> Path:
        """The directory that the task sees at `/input_dir`."""
        return self.workspace / "input_dir"

    @property
    def outputs(self) -> Path:
        """The directory that the task sees at `/output_dir`."""
        return self.workspace / "output_dir"

    def mounts(self) -> Mapping[str, Path]:
        return {
            layout.WORKFLOW_MOUNT: self.workspace,
            layout.INPUT_DIR: self.inputs,
            layout.OUTPUT_DIR: self.outputs,
            layout.PLAN_PATH: self.directory / "plan.json",
            layout.PARTITION_PATH: self.directory / "partition.json",
            layout.RECIPE_PATH: self.recipe,
            **{layout.claim_mount(claim): path for claim, path in self.claims.items()},
        }


class ListTask(Task):
    """`ogdc-worker list`, which sees the volumes that inputs are on.

    Attributes:
        packs: Where the task leaves the partitions.
    """

    def __init__(self, directory: Path, *, plan: Plan, claims: Mapping[str, Path]) -> None:
        super().__init__(directory, ["list"])
        self.claims = claims
        self.tmp = directory / "tmp"
        self.tmp.mkdir(parents=True, exist_ok=True)
        self.packs = self.tmp / Path(layout.LISTED_PACKS_PATH).name
        (directory / "plan.json").write_text(plan.to_json())

    def mounts(self) -> Mapping[str, Path]:
        return {
            "/tmp": self.tmp,
            layout.PLAN_PATH: self.directory / "plan.json",
            **{layout.claim_mount(claim): path for claim, path in self.claims.items()},
        }

    def found(self, path: str) -> str:
        """Return the content of a file that the task left in its /tmp."""
        return (self.tmp / Path(path).name).read_text()


class PublishTask(Task):
    """`ogdc-worker publish`, which sees all of the volume."""

    def __init__(self, directory: Path, *, volume: Path, options: Sequence[str]) -> None:
        super().__init__(directory, ["publish", *options])
        self.volume = volume
        self.tmp = directory / "tmp"
        self.tmp.mkdir(parents=True, exist_ok=True)

    @property
    def zip_path(self) -> Path:
        """Path of the zip of a temporary output."""
        return self.tmp / Path(layout.OUTPUT_ZIP_PATH).name

    def mounts(self) -> Mapping[str, Path]:
        return {layout.WORKFLOW_MOUNT: self.volume, "/tmp": self.tmp}


def bubblewrap() -> str:
    """Return the path of bwrap; the test is skipped if it is missing or may not create namespaces."""
    path = shutil.which("bwrap")
    if path is None:
        pytest.skip("bubblewrap is not installed")
    return path


def _machine() -> list[str]:
    """This machine's files, read-only, with places for the task's own mounts."""
    words: list[str] = []
    for path in sorted(Path("/").iterdir()):
        if path.name in _OWN:
            continue
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        else:
            words += ["--ro-bind", str(path), str(path)]
    words += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    return words


def _python_below_tmp() -> Iterator[str]:
    """Return mounts for a clone below /tmp; they come after the task's mounts, which may include /tmp."""
    packages = Path(ogdc_shared.__file__).parents[1]
    for needed in sorted({Path(sys.prefix), Path(sys.base_prefix), packages}):
        if needed.is_relative_to("/tmp"):
            yield from ("--ro-bind", str(needed), str(needed))
