"""Tasks as docker or podman containers, for machines without bubblewrap (above all macOS).

The template's own image runs with the directories from the engine, and without an init process. As the first
process of the container, the worker can be neither killed nor stopped by a command, as on a cluster. The
engine waits for the client process, which exits with the container's exit code.

Source: docker-run(1), podman-run(1); exit code 125 is the client's own failure.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ogdc_local.sandbox.base import MAX_PROCESSES, Container, Exit, RunningTask, open_pidfd
from ogdc_shared.servers.proxies import PROXY_VARIABLES

_PASSED_ON = (*PROXY_VARIABLES, "TZ")
_CLIENT_FAILED = 125
_GRACE_SECONDS = 5


class Containers:
    """Starts tasks with the command line of docker or podman."""

    slots = None
    has_gates = False
    has_images = True

    def __init__(
        self, executable: Path, *, environ: Mapping[str, str], label: str, drop_to: int | None = None
    ) -> None:
        """Store the arguments; nothing is started yet.

        Args:
            executable: The client, named `docker` or `podman`.
            environ: Source of proxy settings; the client gets the process's own environment.
            label: Label of this engine's containers.
            drop_to: The uid and gid of tasks; None if the engine is not run by root.
        """
        self.name = executable.name
        self.owner = drop_to
        self._executable = str(executable)
        self._environ = {name: environ[name] for name in _PASSED_ON if name in environ}
        self._label = f"ogdc.engine={label}"

    def start(self, container: Container, *, log: int, mark: int | None = None) -> RunningTask:
        """See `Sandbox`."""
        command = self.command(container)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL if mark is None else mark, stdout=log, stderr=log
        )
        return _ContainerTask(process, client=self._executable, name=container.name)

    def clean(self, scratch: Path) -> None:
        """Remove the containers of a killed engine, which outlive their client."""
        listing = [self._executable, "ps", "--all", "--quiet", "--filter", f"label={self._label}"]
        left = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
        if left:
            subprocess.run([self._executable, "rm", "--force", *left], check=True, capture_output=True)

    def command(self, container: Container) -> list[str]:
        """Return the command line of a task."""
        command, *arguments = container.argv
        env = {"HOME": "/tmp"} | self._environ | dict(container.env)  # noqa: S108
        return [
            *(self._executable, "run", "--rm", "--name", container.name, "--label", self._label),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *self._identity(),
            *(() if container.network else ("--network", "none")),
            *("--pids-limit", str(MAX_PROCESSES)),
            *(() if container.memory is None else _memory(container.memory)),
            *(word for name, value in env.items() for word in ("--env", f"{name}={value}")),
            *(
                word
                for mount in container.mounts
                for word in ("--mount", _bind(mount.source, mount.target, mount.writable))
            ),
            *("--entrypoint", command, container.image, *arguments),
        ]

    def _identity(self) -> tuple[str, ...]:
        """Return options that make files on the machine belong to the user and readable in the container."""
        uid, gid = (os.getuid(), os.getgid()) if self.owner is None else (self.owner, self.owner)
        user = ("--user", f"{uid}:{gid}")
        if self.name != "podman":
            return user
        mapped = ("--userns", "keep-id") if os.getuid() else ()  # root's podman cannot map users
        return (*mapped, "--security-opt", "label=disable", *user)


class _ContainerTask:
    """A running client; see `RunningTask`."""

    def __init__(self, process: subprocess.Popen[bytes], *, client: str, name: str) -> None:
        self._process = process
        self._client = client
        self._name = name
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._pidfd = open_pidfd(process.pid)

    def pidfd(self) -> int | None:
        return self._pidfd

    def roots(self) -> tuple[int, ...]:
        return ()  # it belongs to the container service, which may be on another machine

    def worker(self) -> int | None:
        return None  # see above

    def poll(self) -> Exit | None:
        code = self._process.poll()
        if code is None:
            return None
        for helper in self._helpers:
            helper.wait()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        return Exit(code=128 - code if code < 0 else code, started=code != _CLIENT_FAILED)

    def terminate(self) -> None:
        self._ask("stop", "-t", str(_GRACE_SECONDS), self._name)

    def kill(self) -> None:
        self._ask("kill", self._name)

    def _ask(self, *words: str) -> None:
        nowhere = subprocess.DEVNULL
        command = [self._client, *words]
        self._helpers.append(subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere))


def _memory(limit: int) -> tuple[str, ...]:
    """Return options that limit memory, including swap."""
    return ("--memory", str(limit), "--memory-swap", str(limit))


def _bind(source: Path, target: str, writable: bool) -> str:
    """Return a --mount value; it is CSV, so quotes and commas in a path are quoted."""
    fields = ["type=bind", f"source={source}", f"target={target}", *([] if writable else ["readonly"])]
    return ",".join('"{}"'.format(f.replace('"', '""')) if set(f) & {'"', ","} else f for f in fields)
