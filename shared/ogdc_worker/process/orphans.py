"""What a command leaves running when it has ended: found, wherever it hides, and named.

A process whose parent has ended is adopted by the nearest of its ancestors that asks for that, also where it
has left its session and all that a daemon leaves.

Source: PR_SET_CHILD_SUBREAPER in prctl(2); `children` in proc(5).
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from ogdc_worker.process.prctl import SET_CHILD_SUBREAPER, prctl
from ogdc_worker.process.usage import Usage, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN = 120
"""Bytes of a command line that are shown."""


class Orphans:
    """The processes that this one adopts while the object is open; what was its child before is not meant."""

    def __init__(self) -> None:
        self._before = set(_children())
        self._pidfds: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self.usage = Usage()
        """Of all that have ended."""
        prctl(SET_CHILD_SUBREAPER, 1)

    def close(self) -> None:
        """Adopt no more."""
        prctl(SET_CHILD_SUBREAPER, 0)
        for pidfd in self._pidfds.values():
            os.close(pidfd)

    def look(self, leader: int = 0) -> None:
        """Take note of those there are by now, beside the command itself; 0: it counts as well."""
        for pid in set(_children()) - self._before - self._pidfds.keys() - {leader}:
            self._pidfds[pid] = os.pidfd_open(pid)
            self._names[pid] = _command_line(pid) or _program(pid)

    @property
    def pidfds(self) -> list[int]:
        """Descriptors that become readable when one of those known ends."""
        return list(self._pidfds.values())

    def names(self) -> list[str]:
        """What those known are running by now; of those that have ended, what they ran when last seen."""
        for pid in self._pidfds:
            self._names[pid] = _command_line(pid) or self._names[pid]
        return [self._names[pid] for pid in self._pidfds]

    def all_detached(self, session: int) -> bool:
        """Whether all of those known have left the command's session, as daemons do."""
        return all(_session(pid) != session for pid in self._pidfds)

    def ended(self) -> Iterator[tuple[str, int]]:
        """Yield what has ended since the last look: what it was, and its exit code, 128 + N for signal N."""
        for pid, pidfd in list(self._pidfds.items()):
            if os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                os.close(self._pidfds.pop(pid))
                code = os.waitstatus_to_exitcode(self._wait_for(pid))
                yield self._names.pop(pid), code if code >= 0 else 128 - code

    def signal(self, number: int) -> None:
        """Send a signal to each of those known."""
        for pid in self._pidfds:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def kill(self, leader: int = 0) -> None:
        """End them all, and what they started; see `look`."""
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
    """The beginning of a process's command line; nothing of one that has ended."""
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
