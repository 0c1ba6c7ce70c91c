"""A task as a sequence of containers: one fetches its inputs, the next runs its commands.

Only the first has network access. In a single container, a command could use the worker's credentials.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from ogdc_local.sandbox.base import Container, Exit, RunningTask, Sandbox


class ContainerSequence:
    """A running container and those that follow it; see `RunningTask`.

    Attributes:
        number: Index of the running container; when it changes, `pidfd` returns another descriptor.
    """

    def __init__(
        self, sandbox: Sandbox, containers: Sequence[Container], *, log: int, mark: int | None = None
    ) -> None:
        """Start the first container. For threads, `Sandbox.start` applies to this and `poll`.

        Raises:
            OSError: it cannot be started.
        """
        self.number = 0
        self._sandbox = sandbox
        self._container, *self._next = containers
        self._stopped = False
        self._task: RunningTask = sandbox.start(self._container, log=log, mark=mark)
        self._log = os.dup(log)
        self._mark = None if mark is None else os.dup(mark)

    def pidfd(self) -> int | None:
        """See `RunningTask`."""
        return self._task.pidfd()

    def roots(self) -> tuple[int, ...]:
        """See `RunningTask`."""
        return self._task.roots()

    def worker(self) -> int | None:
        """See `RunningTask`."""
        return self._task.worker()

    def poll(self) -> Exit | None:
        """Return how the last container, or one that failed, ended; starts the next if one has succeeded."""
        try:
            ended = self._task.poll()
        except Exception:
            self._close()  # no further call will do so, and readers of the log wait for its end
            raise
        if ended is None:
            return None
        if not ended.joined and not self._stopped:
            return self._go_on(self._container._replace(may_be_forked=False))
        if ended.code == 0 and ended.memory is None and self._next:
            if not self._stopped:
                return self._go_on(self._next.pop(0))
            ended = Exit(code=128 + signal.SIGTERM)
        self._close()
        return ended

    def terminate(self) -> None:
        """See `RunningTask`."""
        self._stopped = True
        self._task.terminate()

    def kill(self) -> None:
        """See `RunningTask`."""
        self._stopped = True
        self._task.kill()

    def _close(self) -> None:
        os.close(self._log)
        if self._mark is not None:
            os.close(self._mark)

    def _go_on(self, container: Container) -> Exit | None:
        self.number += 1
        self._container = container
        try:
            self._task = self._sandbox.start(container, log=self._log, mark=self._mark)
        except OSError as exc:
            os.write(self._log, f"{exc}\n".encode(errors="replace"))
            self._close()
            return Exit(code=1, started=False)
        return None
