"""The interface between the engine and sandboxes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol


def open_pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where the system has no such thing."""
    return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None


MAX_PROCESSES = 1024
"""How many a task may have at once."""


class Mount(NamedTuple):
    """A file or directory of this machine that a task sees."""

    source: Path
    target: str
    """Absolute path inside."""
    writable: bool = True


class Container(NamedTuple):
    """One task's container, as its template says."""

    name: str
    """Unique on this machine; letters, digits and dashes."""
    image: str
    """Used by docker and podman alone."""
    argv: tuple[str, ...]
    env: Mapping[str, str]
    mounts: tuple[Mount, ...]
    """No two with the same target; a mount inside another's target is allowed."""
    memory: int | None = None
    """Bytes it may have; only the back ends that can have the kernel see to it use this."""
    network: bool = False
    """Whether it can reach anything but its own loopback."""
    gate: int | None = None
    """The descriptor on which the worker hears that it is its turn; None: that is so when it begins."""
    may_be_forked: bool = True
    """Whether its worker may be forked from a process that has imported what it runs."""


class Exit(NamedTuple):
    """How a container ended."""

    code: int
    """As a shell would give it: 128 + N for signal N."""
    started: bool = True
    """False: the sandbox could not be set up, so that the command never ran; its log says why."""
    joined: bool = True
    """False: no worker could be forked into the sandbox, so that nothing ran; it can be started without."""
    memory: int | None = None
    """Bytes it had when the kernel ended it for want of memory; None: that was not why."""
    forked_too_often: bool = False
    """Whether it failed after the kernel had refused it a process."""


class RunningTask(Protocol):
    """A container that was started."""

    def pidfd(self) -> int | None:
        """A descriptor that becomes readable when it ends; None where the machine has none (then poll)."""
        ...

    def roots(self) -> tuple[int, ...]:
        """Those of its processes that all others descend from; empty where none can be seen (yet, or at all).

        From any thread, as `worker`.
        """
        ...

    def worker(self) -> int | None:
        """The process of its command; None where it cannot be seen (yet, or at all)."""
        ...

    def poll(self) -> Exit | None:
        """How it ended; None while it runs. Frees what belongs to it once it has ended."""
        ...

    def terminate(self) -> None:
        """Ask the command to stop (SIGTERM)."""
        ...

    def kill(self) -> None:
        """End every process of it now (SIGKILL); to be repeated until it has ended, as it may just begin."""
        ...


class Sandbox(Protocol):
    """A way to run containers."""

    @property
    def name(self) -> str:
        """`bubblewrap`, `docker`, `podman` or `none`."""
        ...

    @property
    def owner(self) -> int | None:
        """The uid (and gid) that writable directories have to belong to; None: whoever the engine runs as."""
        ...

    @property
    def slots(self) -> int | None:
        """Most tasks at once that it can hold; None: any number."""
        ...

    @property
    def has_gates(self) -> bool:
        """Whether a container can be begun before its turn (`Container.gate`)."""
        ...

    @property
    def has_images(self) -> bool:
        """Whether a container has its image's files, and not this machine's."""
        ...

    def start(self, container: Container, *, log: int, mark: int | None = None) -> RunningTask:
        """Start a container; its standard output and error go to the descriptor `log`.

        Its standard input is empty: the descriptor `mark`, of an empty file, where there is one, so that the
        file's lock tells whether any of its processes is left.

        Call it from one thread that lives as long as the engine: what a thread started dies with the thread.

        Raises:
            OSError: it cannot be started.
        """
        ...

    def clean(self, scratch: Path) -> None:
        """Remove what engines left behind; call it before the first `start`, and after the last task.

        Args:
            scratch: The directory in which that engine made the directories of its containers.
        """
        ...
