"""Tasks as plain processes without isolation, one at a time: only on request (OGDC_SANDBOX=none).

For a throwaway container in which neither namespaces nor docker work. A task's directories are symlinked to
their fixed paths (`/input_dir`, …), which needs write access to `/` and prevents concurrent tasks. Commands
of a recipe can read and change whatever the user who started the stack can.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ogdc_local.sandbox.base import Container, Exit, Mount, RunningTask, open_pidfd
from ogdc_local.sandbox.interpreter import WORKER, worker_command
from ogdc_local.sandbox.processes import descendants
from ogdc_shared.errors import ConfigurationError
from ogdc_shared.layout import SHARED_CGROUP

_SHARED = ("/tmp",)  # noqa: S108
"""Shared with the machine instead of private to the task."""
_MAX_KILLED = 100_000


class Plain:
    """Starts tasks without a sandbox."""

    name = "none"
    owner = None
    slots = 1
    has_gates = False
    has_images = False

    def __init__(self, *, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)

    def start(self, container: Container, *, log: int, mark: int | None = None) -> RunningTask:
        """See `Sandbox`.

        Raises:
            ConfigurationError: a directory of the task cannot be linked to its path.
        """
        targets = {mount.target for mount in container.mounts}.difference(_SHARED)
        for mount in container.mounts:
            # A mount inside another only hides part of it, and nothing is hidden here.
            if mount.target in targets and targets.isdisjoint(map(str, Path(mount.target).parents)):
                _link(mount)
        command, *arguments = container.argv
        inside = worker_command(tuple(arguments)) if command == WORKER else container.argv
        with_engine = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()
        process = subprocess.Popen(
            (*with_engine, *inside),
            stdin=subprocess.DEVNULL if mark is None else mark,
            stdout=log,
            stderr=log,
            env=self._environ | dict(container.env) | {SHARED_CGROUP: "true"},
            start_new_session=True,
        )
        return _PlainTask(process)

    def clean(self, scratch: Path) -> None:
        """Do nothing, because a task ends when its engine dies."""


class _PlainTask:
    """A running process; see `RunningTask`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pidfd = open_pidfd(process.pid)

    def pidfd(self) -> int | None:
        return self._pidfd

    def roots(self) -> tuple[int, ...]:
        return (self._process.pid,)

    def worker(self) -> int | None:
        return self._process.pid

    def poll(self) -> Exit | None:
        code = self._process.poll()
        if code is None:
            return None
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        return Exit(code=128 - code if code < 0 else code)

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill all descendants of the process, since commands are in sessions of their own."""
        for pid in descendants(self._process.pid, most=_MAX_KILLED):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _link(mount: Mount) -> None:
    target = Path(mount.target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink():
            target.unlink()
        target.symlink_to(mount.source)
    except OSError as exc:
        raise ConfigurationError(
            f"OGDC_SANDBOX=none: {target} cannot be linked to the task's own directory ({exc.strerror}). "
            "This works only as root in a container made for it; elsewhere install bubblewrap: "
            "apt install bubblewrap."
        ) from exc
