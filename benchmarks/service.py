"""A function in its own process, with functions-framework's default server."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from ogdc_local.stack.server import HOST

ROOT = Path(__file__).parents[1]
_PROGRAM = str(Path(sys.executable).with_name("functions-framework"))
_KEPT = ("PATH", "HOME", "LANG", "OGDC_POSTGRES_BIN", "OGDC_SANDBOX")
_MAX_START = 30.0
_MAX_STOP = 10.0
_POLL_SECONDS = 0.002
_SHOWN = 2000


class ServiceError(Exception):
    """A service did not do what it is measured at."""


class Service:
    """The function `target` of the file `source`, from entering the context until leaving it.

    Attributes:
        url: Its base URL.
        started: When its process was asked for (`time.perf_counter`).
    """

    def __init__(self, target: str, *, source: Path, environ: Mapping[str, str], log: Path) -> None:
        self._port = _free_port()
        self.url = f"http://{HOST}:{self._port}"
        what = [f"--target={target}", f"--source={source}", f"--host={HOST}", f"--port={self._port}"]
        self._command = [_PROGRAM, *what]
        self._environ = dict(environ)
        self._log = log

    @property
    def pid(self) -> int:
        """The process id of the server; those that answer are its children."""
        return self._process.pid

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self.started = time.perf_counter()
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_MAX_STOP)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float = _MAX_START,
    ) -> bytes:
        """Make one request, as soon as there is somebody to take it, and return what is answered.

        Raises:
            ServiceError: the answer is neither 200 nor 204, or nobody comes to take the request.
        """
        while True:
            try:
                status, answer = self._ask(method, path, body, headers or {}, timeout=timeout)
                break
            except ConnectionRefusedError as exc:
                seconds = time.perf_counter() - self.started
                if self._process.poll() is not None or seconds > _MAX_START:
                    raise self._error("it does not come up") from exc
                time.sleep(_POLL_SECONDS)
        if status not in {200, 204}:
            raise self._error(f"{method} {path} was answered {status}: {answer.decode(errors='replace')}")
        return answer

    def resident(self) -> float:
        """Return the MiB of memory that the processes which answer hold; they are the server's children."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(_resident(int(child)) for child in children)

    def _ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], *, timeout: float
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _error(self, what: str) -> ServiceError:
        log = self._log.read_text(errors="replace")[-_SHOWN:]
        return ServiceError(f"{' '.join(self._command)}: {what}\n{log}")


def inherited() -> dict[str, str]:
    """Pick what measured processes get of this one's environment: where programs are, no setting of ours."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _resident(pid: int) -> float:
    kibibytes = Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]
    return int(kibibytes) / 1024
