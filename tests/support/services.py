"""A service in a process of its own, under functions-framework's own server, that can be killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

ENTRYPOINTS = Path(__file__).parents[2] / "functions" / "entrypoints"


class Service:
    """Runs from `__enter__` to `__exit__`; `kill` ends it, and what it forked, as a power cut would."""

    def __init__(self, name: str, *, log: Path) -> None:
        self._name = name
        self._log = log

    def __enter__(self) -> Service:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        source = ENTRYPOINTS / f"{self._name}_service.py"
        command = [
            "--target",
            self._name,
            "--source",
            str(source),
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "functions_framework", *command],
                stderr=log,
                stdout=log,
                env=os.environ | {"WORKERS": "1"},
                start_new_session=True,
            )
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

    def wait(self) -> int:
        """Wait for the process to end; returns its exit code."""
        return self._process.wait(60)

    def lines(self) -> list[dict[str, Any]]:
        """What the service has logged so far."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 300
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    raise AssertionError(self._log.read_text()) from None
                time.sleep(0.01)
            else:
                return
