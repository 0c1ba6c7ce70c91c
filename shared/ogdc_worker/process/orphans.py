"""Finds and names processes that a command leaves running.

A process whose parent has ended is adopted by its nearest ancestor that is a subreaper, even if it has left
its session as daemons do.

Source: PR_SET_CHILD_SUBREAPER in prctl(2); `children` in proc(5).
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_shared.prctl import SET_CHILD_SUBREAPER, prctl
from ogdc_worker.process.usage import Usage, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN = 120
"""Bytes of a command line to show."""


class Orphans:
    """The processes adopted by this one while the object is open, not counting earlier children."""

    def __init__(self) -> None:
        self._before = set(_children())
        self._pidfds: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self.usage = Usage()
        """Resources used by all that have ended."""
        prctl(SET_CHILD_SUBREAPER, 1)

    def close(self) -> None:
        """Stop adopting processes."""
        prctl(SET_CHILD_SUBREAPER, 0)
        for pidfd in self._pidfds.values():
            os.close(pidfd)

    def look(self, leader: int = 0) -> None:
        """Register new child processes, except the command's leader."""
        for pid in set(_children()) - self._before - self._pidfds.keys() - {leader}:
            self._pidfds[pid] = os.pidfd_open(pid)
            self._names[pid] = _command_line(pid) or _program(pid)

    @property
    def pidfds(self) -> list[int]:
        """Descriptors that become readable when a registered process ends."""
        return list(self._pidfds.values())

    def names(self) -> list[str]:
        """Return the command lines of the registered processes; those that have ended keep their last one."""
        for pid in self._pidfds:
            self._names[pid] = _command_line(pid) or self._names[pid]
        return [self._names[pid] for pid in self._pidfds]

    def all_detached(self, session: int) -> bool:
        """Whether all registered processes have left the command's session, as daemons do."""
        return all(_session(pid) != session for pid in self._pidfds)

    def ended(self) -> Iterator[tuple[str, int]]:
        """Reap processes that have ended; yield name and exit code, 128 + N for signal N."""
        for pid, pidfd in list(self._pidfds.items()):
            if os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                os.close(self._pidfds.pop(pid))
                code = os.waitstatus_to_exitcode(self._wait_for(pid))
                yield self._names.pop(pid), code if code >= 0 else 128 - code

    def signal(self, number: int) -> None:
        """Send a signal to all registered processes."""
        for pid in self._pidfds:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def kill(self, leader: int = 0) -> None:
        """Kill all of them and their descendants; `leader` as for `look`."""
        self.look(leader)
        while self._pidfds:
            self.signal(signal.SIGKILL)
            for pid in list(self._pidfds):
                self._wait_for(pid)
                os.close(self._pidfds.pop(pid))
            self.look(leader)

    def _wait_for(self, pid: int) -> int:
        status, usage = wait_for(pid)
        self.usage = self.usage.plus(usage)
        return status


def _children() -> Iterator[int]:
    for thread in os.listdir("/proc/self/task"):
        with suppress(FileNotFoundError), open(f"/proc/self/task/{thread}/children", "rb") as file:
            yield from map(int, file.read().split())


def _command_line(pid: int) -> str:
    """Return the beginning of a process's command line; empty if it has ended."""
    with suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read(_SHOWN).replace(b"\0", b" ").strip().decode(errors="replace")
    return ""


def _program(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/comm", "rb") as file:
        return file.read().strip().decode(errors="replace")
    return f"process {pid}"


def _session(pid: int) -> int:
    with suppress(ProcessLookupError):
        return os.getsid(pid)
    return 0
