"""Limits that the kernel itself keeps, where groups of processes can be made for it.

With version 2 of cgroups that is where the stack has a part of the tree to itself: below `systemd-run --user
--scope -p Delegate=yes ogdc-runner up`, or in a service with `Delegate=yes`. With version 1 it is wherever
root may write. Elsewhere the engine's guard is all that looks.

Source: Documentation/admin-guide/cgroup-v2.rst of Linux ("Delegation", "No Internal Process Constraint",
"Memory", "PID"), cgroup-v1/memory.rst, cgroup-v1/pids.rst; systemd, docs/CGROUP_DELEGATION.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ogdc_local.sandbox.processes import descendants

_CONTROLLERS = frozenset({"memory", "pids"})
_OWN_GROUP = "stack"
_MANY = 100_000
_ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
_EVENTS = ("memory.events", "memory.oom_control")
_PEAKS = ("memory.peak", "memory.max", "memory.max_usage_in_bytes")
"""Files that say how much there was at most, the better first; memory.peak is there since Linux 5.19."""


class Group(NamedTuple):
    """The cgroup of one container: its directories, that for memory first, that for processes last."""

    paths: tuple[Path, ...]

    def entering(self, command: Iterable[str]) -> list[str]:
        """Words that run a command inside, from its first moment on."""
        words = list(command)
        for path in self.paths:
            words = ["/bin/sh", "-c", _ENTER, str(path), *words]
        return words

    def out_of_memory(self) -> int | None:
        """Bytes it had at most, where the kernel ended something of it for want of memory; else None."""
        for file in _EVENTS:
            with suppress(OSError, ValueError, KeyError):
                if int(_table(self.paths[0] / file)["oom_kill"]):
                    peaks = (self.paths[0] / name for name in _PEAKS)
                    return int(next(path for path in peaks if path.exists()).read_text())
        return None

    def refused_a_process(self) -> bool:
        """Whether the kernel has let it have no more."""
        with suppress(OSError, ValueError, KeyError):
            return int(_table(self.paths[-1] / "pids.events")["max"]) > 0
        return False

    def remove(self) -> None:
        """Remove it; a group with processes that are still ending stays, empty of meaning."""
        for path in self.paths:
            with suppress(OSError):
                path.rmdir()


class Cgroups:
    """A part of the tree in which groups can be made."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def make(self, name: str, *, memory: int | None, processes: int) -> Group:
        """Make the group of a container; it is ended as a whole when it outgrows its memory.

        Raises:
            OSError: it cannot be made.
        """
        limits = {"pids.max": str(processes), "memory.oom.group": "1"}
        if memory is not None:
            limits |= {"memory.max": str(memory), "memory.swap.max": "0"}
        path = self._base / name
        _limit(path, limits, optional="memory.swap.max")
        return Group((path,))

    def clear(self) -> None:
        """Remove what an engine that was killed left."""
        _clear(self._base)


class Cgroups1:
    """The same with version 1, where a single process is ended when a group outgrows its memory."""

    def __init__(self, memory: Path, pids: Path) -> None:
        self._memory = memory
        self._pids = pids

    def make(self, name: str, *, memory: int | None, processes: int) -> Group:
        """See `Cgroups`."""
        path = self._memory / name
        limits = {} if memory is None else {"memory.limit_in_bytes": str(memory)}
        if memory is not None:
            limits |= {"memory.memsw.limit_in_bytes": str(memory)}
        _limit(path, limits, optional="memory.memsw.limit_in_bytes")
        _limit(self._pids / name, {"pids.max": str(processes)})
        return Group((path, self._pids / name))

    def clear(self) -> None:
        """See `Cgroups`."""
        for base in (self._memory, self._pids):
            _clear(base)


def delegated(
    *, own: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup"), label: str = ""
) -> Cgroups | Cgroups1 | None:
    """Find where groups can be made, and get ready for it; None where that is nowhere.

    Args:
        own: Says which groups this process is in.
        root: Where the hierarchies are.
        label: Tells this engine's groups from others', where the place is not its alone.
    """
    with suppress(OSError):
        places = dict(line.split(":", 2)[1:] for line in own.read_text().splitlines())
        return _delegated(places, root) or _writable(places, root, label)
    return None


def _delegated(places: Mapping[str, str], root: Path) -> Cgroups | None:
    """Take over the group of version 2 that this process is in, if it has it to itself.

    A group with processes can have no limits for groups below it, so this process and its children move into
    one of their own.
    """
    with suppress(OSError, KeyError):
        base = root / places[""].lstrip("/")
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


def _writable(places: Mapping[str, str], root: Path, label: str) -> Cgroups1 | None:
    """Make a group for this engine below that of version 1 which this process is in, if it may."""
    bases = []
    for controller in ("memory", "pids"):
        name = next((names for names in places if controller in names.split(",")), None)
        if name is None or not (root / name).is_dir():
            return None
        bases.append(root / name / places[name].lstrip("/") / f"ogdc-{label}")
    with suppress(OSError):
        for base in bases:
            base.mkdir(exist_ok=True)
        return Cgroups1(*bases) if all(os.access(base, os.W_OK) for base in bases) else None
    return None


def _limit(path: Path, limits: Mapping[str, str], *, optional: str = "") -> None:
    path.mkdir(exist_ok=True)
    for file, value in limits.items():
        if file != optional or (path / file).exists():  # not where swap is not accounted for
            (path / file).write_text(value)


def _clear(base: Path) -> None:
    for path in base.glob("*/"):
        if path.name != _OWN_GROUP:
            with suppress(OSError):
                path.rmdir()


def _table(path: Path) -> dict[str, str]:
    return dict(line.split() for line in path.read_text().splitlines())


def _move(processes: Iterable[int], group: Path) -> None:
    group.mkdir(exist_ok=True)
    for pid in processes:
        with suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(pid))
