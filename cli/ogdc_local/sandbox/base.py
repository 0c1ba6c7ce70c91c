"""The interface between the engine and sandboxes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from ogdc_shared.tls import CA_FILES


def open_pidfd(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends; None if the system has none."""
    return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None


CERTIFICATE_VARIABLES = (*CA_FILES, "SSL_CERT_DIR")
"""Variables that name the certificates to trust, as different programs read them."""
MAX_PROCESSES = 1024
"""Maximum number of processes of a task."""


class Mount(NamedTuple):
    """A file or directory of this machine that is mounted for a task."""

    source: Path
    target: str
    """Absolute path inside the sandbox."""
    writable: bool = True


class Container(NamedTuple):
    """A container of a task, as described by its template."""

    name: str
    """Unique on this machine; letters, digits and dashes."""
    image: str
    """Only used by docker and podman."""
    argv: tuple[str, ...]
    env: Mapping[str, str]
    mounts: tuple[Mount, ...]
    """Targets are unique; a mount inside another's target is allowed."""
    memory: int | None = None
    """Memory limit in bytes; only used by backends that can enforce it with the kernel."""
    network: bool = False
    """Whether it has network access beyond its own loopback."""
    gate: int | None = None
    """Descriptor from which the worker learns that it is its turn; None if it starts immediately."""
    may_be_forked: bool = True
    """Whether its worker may be forked from a process that has loaded the worker's modules."""


class Exit(NamedTuple):
    """How a container ended."""

    code: int
    """As a shell reports it: 128 + N for signal N."""
    started: bool = True
    """False if the sandbox could not be set up, so that the command never ran; its log says why."""
    joined: bool = True
    """False if no worker could be forked into the sandbox, so that nothing ran; start it without forking."""
    memory: int | None = None
    """Bytes of memory it had when the kernel killed it for lack of memory, else None."""
    forked_too_often: bool = False
    """Whether it failed after the kernel had denied it a further process."""


class RunningTask(Protocol):
    """A started container."""

    def pidfd(self) -> int | None:
        """Return a descriptor that becomes readable at its end; None if there is none (then poll)."""
        ...

    def roots(self) -> tuple[int, ...]:
        """Return its topmost processes; empty if they are not visible (yet).

        Thread-safe, like `worker`.
        """
        ...

    def worker(self) -> int | None:
        """Return the process of its command; None if it is not visible (yet)."""
        ...

    def poll(self) -> Exit | None:
        """Return how it ended, or None while it runs; frees its resources when it has ended."""
        ...

    def terminate(self) -> None:
        """Ask the command to stop (SIGTERM)."""
        ...

    def kill(self) -> None:
        """Kill all its processes (SIGKILL). Repeat until it has ended, since it may just be starting."""
        ...


class Sandbox(Protocol):
    """A way to run containers."""

    @property
    def name(self) -> str:
        """`bubblewrap`, `docker`, `podman` or `none`."""
        ...

    @property
    def owner(self) -> int | None:
        """The uid (and gid) that must own writable directories; None means the engine's."""
        ...

    @property
    def slots(self) -> int | None:
        """Maximum number of concurrent tasks; None means unlimited."""
        ...

    @property
    def has_gates(self) -> bool:
        """Whether a container can be started before its turn (`Container.gate`)."""
        ...

    @property
    def has_images(self) -> bool:
        """Whether a container has the files of its image instead of this machine's."""
        ...

    def start(self, container: Container, *, log: int, mark: int | None = None) -> RunningTask:
        """Start a container; its stdout and stderr go to the descriptor `log`.

        Its stdin is the descriptor `mark` of an empty file, if given. The lock on that file then tells
        whether any of its processes is left.

        Call it only from one thread that lives as long as the engine: containers are killed with the thread.

        Raises:
            OSError: it cannot be started.
        """
        ...

    def clean(self, scratch: Path) -> None:
        """Remove what earlier engines left; call it before the first `start`, and after the last task.

        Args:
            scratch: Directory with the containers' directories.
        """
        ...
