"""Kill any process of a local stack at any time, and start the stack again.

::

    disturbances = Disturbances(stack, seed=1, most_pod_kills=2)
    disturbances.make(10.0)
    assert disturbances.kills
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ogdc_local.stack.control import current
from support.stack import Stack

_WEIGHTS = {
    "daemon": 1,
    "postmaster": 1,
    "backend": 1,
    "sandbox": 4,
    "worker": 4,
    "command": 1,
    "client": 2,
    "starter": 1,
}
"""How often each part is killed, in relation to the others, while all are there."""
_NOTHING_WHILE_UP, _NOTHING_WHILE_DOWN = 12, 30
"""Weight of killing nothing this time, because a stack that never finishes starting shows little."""
_POD = {"sandbox", "worker", "command"}
_STACK_MODULE = b"ogdc_local.stack.process"
_RUN = re.compile(rb"/tasks/([^/\0]+)/")


class Process(NamedTuple):
    """A process and what is known about it."""

    pid: int
    parent: int
    started: str
    """Start time, which distinguishes it from a later process with the same id."""
    name: str
    command: bytes
    part: str = ""
    """`daemon`, `postmaster`, `backend`, `sandbox`, `worker` or `command`."""
    run: str | None = None
    """The run that it works for, or None."""


class Kill(NamedTuple):
    """A process that was killed, and when."""

    time: float
    """Seconds since 1970."""
    process: Process

    def __str__(self) -> str:
        process = self.process
        return f"{self.time:.3f} {process.part} {process.pid} ({process.name}) {process.run or ''}"


class Disturbances:
    """Kills processes, and starts the stack again.

    Attributes:
        kills: What was killed, but for clients and starters.
        clients: Processes that may be killed, too; to be added by who starts them.
    """

    def __init__(self, stack: Stack, *, seed: int, most_pod_kills: int) -> None:
        """Prepare; nothing is killed yet.

        Args:
            stack: The stack, up.
            seed: Of all choices.
            most_pod_kills: Of one run: the pauses before retries grow fourfold each time.
        """
        self.kills: list[Kill] = []
        self.clients: list[subprocess.Popen[str]] = []
        self._stack = stack
        self._chance = random.Random(seed)
        self._most_pod_kills = most_pod_kills
        self._pod_kills: Counter[str | None] = Counter()
        self._starter: subprocess.Popen[str] | None = None

    def make(self, seconds: float) -> None:
        """Kill processes, and start the stack again whenever it is down."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(min(self._chance.expovariate(5), 2.0))
            if current(self._stack.paths) is None and not self._starting:
                self._collect_starter()
                self._starter = self._stack.start_cli("up")
            self._kill_something()
        self._collect_starter()

    def killed_command_of(self, run: str) -> bool:
        """Whether a run's own command was killed, which is a failure of the run."""
        return any(each.process.part == "command" and each.process.run == run for each in self.kills)

    @property
    def _starting(self) -> bool:
        return self._starter is not None and self._starter.poll() is None

    def _collect_starter(self) -> None:
        if self._starter is not None:
            self._starter.communicate(timeout=120)

    def _kill_something(self) -> None:
        targets = self._targets()
        nothing = _NOTHING_WHILE_UP if current(self._stack.paths) else _NOTHING_WHILE_DOWN
        parts = [*sorted(targets), "nothing"]
        weights = [_WEIGHTS.get(part, nothing) for part in parts]
        for part in self._chance.choices(parts, weights, k=self._chance.choice([1, 1, 1, 2])):
            if part in targets:
                self._chance.choice(targets[part])()

    def _targets(self) -> dict[str, list[Callable[[], None]]]:
        """Return the processes that could be killed, by part."""
        targets: dict[str, list[Callable[[], None]]] = {}
        for process in processes_of(self._stack):
            if process.part not in _POD or self._pod_kills[process.run] < self._most_pod_kills:
                targets.setdefault(process.part, []).append(partial(self._kill, process))
        for client in self.clients:
            if client.poll() is None:
                targets.setdefault("client", []).append(client.kill)
        if self._starter is not None and self._starting:
            targets["starter"] = [self._starter.kill]
        return targets

    def _kill(self, process: Process) -> None:
        done = kill(process)
        if done is not None:
            self.kills.append(done)
            self._pod_kills[process.run] += 1
            print(done)


def processes_of(stack: Stack) -> list[Process]:
    """Yield the processes of a stack, running or left behind, that are one of the parts."""
    table = {process.pid: process for process in _all_processes()}
    children: dict[int, list[Process]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process)
    found: dict[int, Process] = {}
    todo: list[tuple[Process, str, str | None]] = [
        (table[pid], "", None) for pid in stack.processes() if pid in table
    ]
    while todo:
        process, above, run = todo.pop()
        part, run = _part(process, above, table), _run(process) or run
        if process.pid not in found or found[process.pid].run is None:
            found[process.pid] = process._replace(part=part, run=run)
            todo += [(child, part, run) for child in children.get(process.pid, ())]
    return [process for process in found.values() if process.part]


def kill(process: Process) -> Kill | None:
    """Kill a process, or return None if it has ended by itself."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    try:
        now = _read(process.pid)
        if now is None or now.started != process.started:
            return None
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return None
    finally:
        os.close(descriptor)
    return Kill(time.time(), process)


def _part(process: Process, above: str, table: dict[int, Process]) -> str:
    if process.name == "postgres":
        parent = table.get(process.parent)
        return "backend" if parent is not None and parent.name == "postgres" else "postmaster"
    if process.name in {"bwrap", "setpriv"}:
        return "sandbox"
    if above == "sandbox":
        return "worker"
    if above in {"worker", "command"}:
        return "command"
    return "daemon" if _STACK_MODULE in process.command else ""


def _run(process: Process) -> str | None:
    found = _RUN.search(process.command) if process.name == "bwrap" else None
    return found[1].decode() if found else None


def _all_processes() -> Iterator[Process]:
    for entry in Path("/proc").glob("[0-9]*"):
        process = _read(int(entry.name))
        if process is not None:
            yield process


def _read(pid: int) -> Process | None:
    """Source: proc_pid_stat(5)."""
    with suppress(OSError):
        head, _, tail = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        fields = tail.split()
        if fields[0] not in "ZX":
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            return Process(pid, int(fields[1]), fields[19], head.partition("(")[2], command)
    return None
