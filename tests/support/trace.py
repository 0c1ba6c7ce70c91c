"""Which commands ran, and when: commands of recipes report to a server that outlives the stack.

::

    with TraceServer() as trace:
        line = trace.traced("sort /input_dir/a > /output_dir/a", token="seals", number=1)
        ...  # submit a recipe with that line
        assert [(e.number, e.finished) for e in trace.executions("seals")] == [(1, True)]

A command says who it is before it begins, waits for leave, and keeps the connection: the server sees by its
end that the last process of the command is gone, whatever ended it.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType


class Execution:
    """One start of a command."""

    def __init__(self, token: str, number: int, file: str) -> None:
        self.token = token
        self.number = number
        self.file = file
        """The input that it ran for, or empty for all."""
        self.started = time.time()
        self.finished = False
        """Whether it ended by itself."""
        self.gone: float | None = None
        """When its last process ended."""

    def __repr__(self) -> str:
        gone = "runs" if self.gone is None else f"{self.gone:.3f}"
        end = "finished" if self.finished else "killed"
        return f"{self.token} {self.number} {self.file} ({self.started:.3f} to {gone}, {end})"


class TraceServer:
    """Listens on this machine from `__enter__` to `__exit__`."""

    def __init__(self) -> None:
        self._executions: list[Execution] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> TraceServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def traced(self, command: str, *, token: str, number: int, seconds: float = 0.0) -> str:
        """Return a command line that runs `command` (without single quotes) and takes at least `seconds`."""
        who = f"{token} {number} ${{INPUT_FILE##*/}}"
        script = f'exec 3<>/dev/tcp/127.0.0.1/{self._port} && echo "{who}" >&3 && read -r go <&3'
        then = f"{command} && echo finished >&3 && read -r go <&3"
        return f"bash -c '{script} && sleep {seconds:.2f} && {then}'"

    def executions(self, token: str) -> list[Execution]:
        """Return the executions with a token, in the order of their start."""
        return [execution for execution in list(self._executions) if execution.token == token]

    def running(self) -> list[Execution]:
        """Return the executions that have not ended."""
        return [execution for execution in list(self._executions) if execution.gone is None]

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._follow, args=(connection,), daemon=True).start()

    def _follow(self, connection: socket.socket) -> None:
        execution = None
        with connection, connection.makefile("rw") as lines, suppress(OSError):
            for line in lines:
                if execution is None:
                    token, number, *file = line.split()
                    execution = Execution(token, int(number), *(file or [""]))
                    self._executions.append(execution)
                else:
                    execution.finished = True
                lines.write("go\n")
                lines.flush()
        if execution is not None:
            execution.gone = time.time()
