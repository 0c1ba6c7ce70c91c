"""Limits that the kernel itself keeps, where the stack has a part of the cgroup tree to itself.

So it is below `systemd-run --user --scope -p Delegate=yes ogdc-runner up`, or in a service with
`Delegate=yes`. Elsewhere no group can be made, and the engine's guard is all that looks.

Source: Documentation/admin-guide/cgroup-v2.rst of Linux ("Delegation", "No Internal Process Constraint",
"Memory", "PID"); systemd, docs/CGROUP_DELEGATION.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ogdc_local.sandbox.processes import descendants

_CONTROLLERS = frozenset({"memory", "pids"})
_OWN_GROUP = "stack"
_MANY = 100_000
_ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


class Group(NamedTuple):
    """The cgroup of one container."""

    path: Path

    def entering(self, command: Iterable[str]) -> list[str]:
        """Words that run a command inside, from its first moment on."""
        return ["/bin/sh", "-c", _ENTER, str(self.path), *command]

    def out_of_memory(self) -> int | None:
        """Bytes it had at most, where the kernel ended it for want of memory; None: it did not."""
        with suppress(OSError, ValueError, KeyError):
            events = dict(line.split() for line in (self.path / "memory.events").read_text().splitlines())
            if int(events["oom_kill"]):
                peak = self.path / "memory.peak"  # since Linux 5.19
                return int((peak if peak.exists() else self.path / "memory.max").read_text())
        return None

    def remove(self) -> None:
        """Remove it; a group with processes that are still ending stays, empty of meaning."""
        with suppress(OSError):
            self.path.rmdir()


class Cgroups:
    """A part of the tree in which groups can be made."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def make(self, name: str, *, memory: int | None, processes: int) -> Group:
        """Make the group of a container; it is ended as a whole when it outgrows its memory.

        Raises:
            OSError: it cannot be made.
        """
        path = self._base / name
        path.mkdir(exist_ok=True)
        limits = {"pids.max": str(processes), "memory.oom.group": "1"}
        if memory is not None:
            limits |= {"memory.max": str(memory), "memory.swap.max": "0"}
        for file, value in limits.items():
            if file != "memory.swap.max" or (path / file).exists():  # not where swap is not accounted for
                (path / file).write_text(value)
        return Group(path)


def delegated(
    *, own: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Cgroups | None:
    """Take over the cgroup that this process is in, if it has it to itself; None where it has not.

    A group with processes can have no limits for groups below it, so this process and its children move into
    one of their own.
    """
    with suppress(OSError, StopIteration):
        lines = own.read_text().splitlines()
        place = next(line.removeprefix("0::") for line in lines if line.startswith("0::"))
        base = root / place.lstrip("/")
        if not _CONTROLLERS.issubset((base / "cgroup.controllers").read_text().split()):
            return None
        if not os.access(base / "cgroup.subtree_control", os.W_OK):
            return None
        processes = [int(pid) for pid in (base / "cgroup.procs").read_text().split()]
        if not set(processes).issubset(descendants(os.getpid(), most=_MANY)):
            return None
        _move(processes, base / _OWN_GROUP)
        (base / "cgroup.subtree_control").write_text("+memory +pids")
        return Cgroups(base)
    return None


def _move(processes: Iterable[int], group: Path) -> None:
    group.mkdir(exist_ok=True)
    for pid in processes:
        with suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(pid))
