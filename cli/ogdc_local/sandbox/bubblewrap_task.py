"""A task in a bubblewrap sandbox: its reports, stopping it, and its result."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ogdc_local.sandbox.base import Exit, open_pidfd
from ogdc_local.sandbox.cgroups import Group
from ogdc_local.sandbox.forking import ForkServer

_KILLED = 128 + signal.SIGKILL
_LOOK_SECONDS = 0.05
"""How often, at most, the kernel is asked whether a running task is out of memory."""


class BubblewrapTask:
    """A running `bwrap`; see `RunningTask`."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        status: int,
        *,
        command: list[str],
        group: Group | None,
        forked_by: ForkServer | None,
        on_end: Callable[[bool], None] | None = None,
    ) -> None:
        """Take over a started process.

        Args:
            process: `bwrap` itself.
            status: Descriptor of its reports.
            command: Its command line.
            group: The task's cgroup, or None.
            forked_by: The server that forks the worker, or None if bubblewrap starts it.
            on_end: Called once at its end with whether none of its processes can be left, or None.
        """
        self._process = process
        self._forked_by = forked_by
        self._group = group
        self._command = command
        self._on_end = on_end
        self._status: int | None = status
        self._reports = b""
        self._reading = threading.Lock()
        self._pidfd = open_pidfd(process.pid)
        self._next_look = time.monotonic() + _LOOK_SECONDS
        os.set_blocking(status, False)

    def pidfd(self) -> int | None:
        """See `RunningTask`."""
        return self._pidfd

    def roots(self) -> tuple[int, ...]:
        """See `RunningTask`. The parent of a forked worker is outside the sandbox."""
        report = {} if self._pidfd is None else self._report()
        return tuple(report[name] for name in ("child-pid", "worker-pid") if name in report)

    def worker(self) -> int | None:
        """See `RunningTask`."""
        report = {} if self._pidfd is None else self._report()
        if self._forked_by is not None or "child-pid" not in report:
            return report.get("worker-pid")
        return _only_child(report["child-pid"])

    def poll(self) -> Exit | None:
        """See `RunningTask`."""
        code = self._process.poll()
        if code is None:
            self._look_at_memory()
            return None
        report = self._report()
        with self._reading:
            for descriptor in (self._status, self._pidfd):
                if descriptor is not None:
                    os.close(descriptor)
            self._status = self._pidfd = None
        if code < 0:
            _kill_all(lambda command: command == _joined(self._command))
        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end(code >= 0)
        ended = Exit(code=128 - code) if code < 0 else Exit(code=code, started="exit-code" in report)
        if self._forked_by is not None and code >= 0 and ended.started:
            ended = self._ended_worker(report, self._forked_by, code)
        return ended if self._group is None else _leave(self._group, ended)

    def _look_at_memory(self) -> None:
        """Stop the task if it is out of memory; version 2 of cgroups does that by itself."""
        if self._group is None or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_SECONDS
        if self._group.out_of_memory() is not None:
            self.kill()

    def _ended_worker(self, report: dict[str, int], server: ForkServer, code: int) -> Exit:
        """Return how a forked worker ended; `code` is the exit code of its sandbox's holder."""
        if "worker-pid" in report and "join-error" not in report:
            return Exit(code=report.get("worker-exit", _KILLED) if server.has_supervisors else code)
        number = report.get("join-error", errno.EAGAIN)
        if number != errno.EAGAIN:  # EAGAIN is temporary: too many processes of one user
            server.give_up(os.strerror(number))
        return Exit(code=_KILLED, joined=False)

    def terminate(self) -> None:
        """See `RunningTask`."""
        worker = self.worker()
        if worker is None:
            self.kill()
        else:
            _signal(worker, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the first process of the namespace; the kernel kills the others before bwrap returns.

        Bwrap itself is not killed: if that happened before it lets its child continue, the child would wait
        forever.
        """
        first = self._report().get("child-pid")
        if first is not None:
            _signal(first, signal.SIGKILL)

    def _report(self) -> dict[str, int]:
        """Return the reports so far: `child-pid`, then `exit-code`; see also `ogdc_worker.forked.server`."""
        with self._reading, suppress(BlockingIOError):
            while self._status is not None and (chunk := os.read(self._status, 4096)):
                self._reports += chunk
        lines = self._reports.split(b"\n")[:-1]
        return {key: value for line in lines for key, value in json.loads(line).items()}


def _leave(group: Group, ended: Exit) -> Exit:
    """Add what the kernel reports about the cgroup of an ended task, and remove the cgroup."""
    memory, refused = group.out_of_memory(), group.refused_a_process()
    group.remove()
    if memory is not None:
        return ended._replace(memory=memory, started=True)
    return ended._replace(forked_too_often=refused and ended.code != 0)


def end_stranded(scratch: Path) -> None:
    """Kill the processes of tasks below `scratch` that `--die-with-parent` does not reach.

    Bubblewrap's child waits for its parent before it requests to die with it. If the parent is killed in that
    moment, the child waits forever. It runs nothing, but keeps the mark locked.
    """
    marks = (b"\0--die-with-parent\0", os.fsencode(scratch) + b"/")
    _kill_all(lambda command: all(mark in command for mark in marks))


def _kill_all(is_meant: Callable[[bytes], bool]) -> None:
    """Kill the processes with matching command lines (arguments that each end with NUL)."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if is_meant((process / "cmdline").read_bytes()):
                _signal(int(process.name), signal.SIGKILL)


def _joined(command: list[str]) -> bytes:
    return b"".join(os.fsencode(word) + b"\0" for word in command)


def _only_child(pid: int) -> int | None:
    """Return the process that the namespace's first process started: the task's command."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
