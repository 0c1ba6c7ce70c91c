"""A service in its own process with functions-framework's server, which can be killed."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from support.forks import forked, take_streams
from support.ports import free_ports

ENTRYPOINTS = Path(__file__).parents[2] / "functions" / "entrypoints"


class Service:
    """Runs from `__enter__` to `__exit__`; `kill` ends it and its children, like a power cut."""

    def __init__(self, name: str, *, log: Path, processes: int | None = 1) -> None:
        """Prepare; `processes` is their number, or None for the service's own choice."""
        self._name = name
        self._log = log
        self._environ = {name: value for name, value in os.environ.items() if name != "WORKERS"}
        if processes is not None:
            self._environ["WORKERS"] = str(processes)

    def __enter__(self) -> Service:
        (self.port,) = free_ports(1)
        options = {
            "target": self._name,
            "source": str(ENTRYPOINTS / f"{self._name}_service.py"),
            "host": "127.0.0.1",
            "port": str(self.port),
        }
        arguments = [f"--{option}={value}" for option, value in options.items()]
        self._process = forked(_serve, arguments, dict(self._environ), self._log)
        self._process.start()
        self._wait_until_ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def terminate(self) -> None:
        """Ask the process to end, as Kubernetes does."""
        self._process.terminate()

    def wait(self) -> int | None:
        """Wait for the process to end; returns its exit code."""
        self._process.join(60)
        return self._process.exitcode

    def workers(self) -> list[int]:
        """Return the ids of the worker processes, the server's children."""
        pid = self._process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def lines(self) -> list[dict[str, Any]]:
        """Return what the service has logged so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def kill(self) -> None:
        if self._process.is_alive():
            assert self._process.pid is not None
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.join()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 300
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if not self._process.is_alive() or time.monotonic() > deadline:
                    self.kill()
                    raise AssertionError(self._log.read_text()) from None
                time.sleep(0.01)
            else:
                return


def _serve(arguments: list[str], environ: Mapping[str, str], log: Path) -> None:
    """Run functions-framework in a process that was just forked."""
    from functions_framework._cli import _cli

    os.setsid()
    os.environ.clear()
    os.environ.update(environ)
    take_streams(Path(os.devnull), log, log)
    try:
        _cli(arguments)
    finally:
        atexit._run_exitfuncs()  # which multiprocessing does not
