"""Limits enforced by the kernel, if cgroups can be created.

With cgroups version 2 this requires that a part of the tree is delegated to the stack: start it with
`systemd-run --user --scope -p Delegate=yes ogdc-runner up`, or in a service with `Delegate=yes`. With version
1 it works wherever root may write, and only for memory. Otherwise only the engine's guard enforces limits.

Source: Documentation/admin-guide/cgroup-v2.rst of Linux ("Delegation", "No Internal Process Constraint",
"Memory", "PID"), cgroup-v1/memory.rst, cgroup-v1/cgroups.rst ("Attaching processes": 0 is the writer);
systemd, docs/CGROUP_DELEGATION.md.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import BinaryIO, NamedTuple

from ogdc_local.sandbox.processes import descendants
from ogdc_shared.layout import MEMORY_EVENTS

_CONTROLLERS = frozenset({"memory", "pids"})
_OWN_GROUP = "stack"
_MANY = 100_000
_TRIES = 100
_ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
_ENTER_TASK = 'echo 0 > "$0/tasks" && exec "$@"'
_OPTIONAL = frozenset({"memory.swap.max", "memory.memsw.limit_in_bytes"})
_PEAKS = ("memory.peak", "memory.max", "memory.max_usage_in_bytes")
"""Files with the peak memory usage, best first; memory.peak exists since Linux 5.19."""


class Group(NamedTuple):
    """The cgroup of a container."""

    path: Path
    ended: deque[Path]
    """Cgroups of this and other containers that have to be removed."""

    def entering(self, command: Iterable[str]) -> list[str]:
        """Return a command line that runs `command` in the cgroup from the start.

        With version 1, a shell moves its only thread instead of its process, because for a process the kernel
        would wait for all forks in progress, which takes ten milliseconds.
        """
        enter = _ENTER_TASK if (self.path / "tasks").exists() else _ENTER
        return ["/bin/sh", "-c", enter, str(self.path), *command]

    def open(self) -> BinaryIO:
        """Open the file to which a process writes 0 to enter the cgroup."""
        tasks = self.path / "tasks"
        return (tasks if tasks.exists() else self.path / "cgroup.procs").open("wb", buffering=0)

    def out_of_memory(self) -> int | None:
        """Return the peak memory in bytes if the kernel killed a process for lack of memory, else None."""
        for target in MEMORY_EVENTS:
            with suppress(OSError, ValueError, KeyError):
                if int(_table(f"{self.path}/{PurePath(target).name}")["oom_kill"]):
                    peaks = (self.path / name for name in _PEAKS)
                    return int(next(path for path in peaks if path.exists()).read_text())
        return None

    def events(self) -> list[tuple[Path, str]]:
        """Return the file that counts killed processes, and where a container would find it."""
        found = ((self.path / PurePath(target).name, target) for target in MEMORY_EVENTS)
        return [(file, target) for file, target in found if file.exists()]

    def refused_a_process(self) -> bool:
        """Whether the kernel has denied it a further process."""
        with suppress(OSError, ValueError, KeyError):
            return int(_table(f"{self.path}/pids.events")["max"]) > 0
        return False

    def remove(self) -> None:
        """Remove it, and others that could not be removed before.

        One with processes that are still ending is removed with the next. Thousands of groups would slow down
        the kernel.
        """
        self.ended.append(self.path)
        for _ in range(len(self.ended)):
            with suppress(IndexError):  # another thread was faster
                _remove_from(self.ended)
        with suppress(OSError):
            self.path.parent.rmdir()


class Cgroups:
    """A part of the tree in which cgroups can be created."""

    def __init__(self, base: Path, *, version: int = 2) -> None:
        self._base = base
        self._version = version
        self._ended = deque[Path]()

    def make(self, name: str, *, memory: int | None, processes: int) -> Group:
        """Create the cgroup of a container, to be killed as a whole if it exceeds its memory.

        Version 2 does that itself. Version 1 kills single processes. There, cgroups are only used for memory,
        since entering each hierarchy takes as long as starting a program.

        Raises:
            OSError: it cannot be created.
        """
        path = self._base / name
        for _ in range(_TRIES):
            # Another process may remove the base with its last group at this moment.
            with suppress(FileNotFoundError, FileExistsError):
                path.mkdir(parents=True, exist_ok=True)
                break
        if self._version == 1:
            limits = {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory}
        else:
            limits = {"pids.max": processes, "memory.oom.group": 1}
            limits |= {"memory.max": memory, "memory.swap.max": None if memory is None else 0}
        for file, value in limits.items():
            # The file is missing if swap is not accounted for.
            if value is not None and (file not in _OPTIONAL or (path / file).exists()):
                (path / file).write_text(str(value))
        return Group(path, self._ended)

    def clear(self) -> None:
        """Remove all groups without processes that this or a killed engine left."""
        for path in self._base.glob("*/"):
            if path.name != _OWN_GROUP:
                with suppress(OSError):
                    path.rmdir()
        if self._version == 1:
            with suppress(OSError):
                self._base.rmdir()


def delegated(
    *, own: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup"), label: str = ""
) -> Cgroups | None:
    """Find where cgroups can be created, and prepare for it; None if nowhere.

    Args:
        own: File with the groups of this process.
        root: Directory of the hierarchies.
        label: Distinguishes this engine's groups from others' where the place is shared.
    """
    with suppress(OSError):
        places = dict(line.split(":", 2)[1:] for line in own.read_text().splitlines())
        return _delegated(places, root) or _writable(places, root, label)
    return None


def _delegated(places: Mapping[str, str], root: Path) -> Cgroups | None:
    """Take over this process's version 2 group, if it is delegated.

    A group with processes cannot have limits for groups below it, so this process and its children move into
    a group of their own.
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


def _writable(places: Mapping[str, str], root: Path, label: str) -> Cgroups | None:
    """Return this process's version 1 memory group, if groups can be created below it."""
    name = next((names for names in places if "memory" in names.split(",")), None)
    if name is None:
        return None
    above = root / name / places[name].lstrip("/")
    if not (above / "memory.limit_in_bytes").exists() or not os.access(above, os.W_OK):
        return None
    return Cgroups(above / f"ogdc-{label}", version=1)


def _remove_from(ended: deque[Path]) -> None:
    path = ended.popleft()
    try:
        path.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        ended.append(path)


def _table(path: str) -> dict[str, str]:
    with open(path) as file:  # noqa: PTH123  several times for each task
        return dict(map(str.split, file))


def _move(processes: Iterable[int], group: Path) -> None:
    group.mkdir(exist_ok=True)
    for pid in processes:
        with suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(pid))
