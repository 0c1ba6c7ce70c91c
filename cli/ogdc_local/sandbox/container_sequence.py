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
        self._ended: Exit | None = None
        self._task: RunningTask = sandbox.start(self._container, log=log, mark=mark)
        self._log: int | None = os.dup(log)
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
        """Return how the last container, or one that failed, ended; starts the next if one has succeeded.

        After the end it returns the same again.
        """
        if self._ended is None:
            try:
                self._ended = self._poll()
            except Exception:
                self._close()  # no further call will do so, and readers of the log wait for its end
                raise
            if self._ended is not None:
                self._close()
        return self._ended

    def _poll(self) -> Exit | None:
        ended = self._task.poll()
        if ended is None:
            return None
        if not ended.joined and not self._stopped:
            return self._go_on(self._container._replace(may_be_forked=False))
        if ended.code == 0 and ended.memory is None and self._next:
            if not self._stopped:
                return self._go_on(self._next.pop(0))
            return Exit(code=128 + signal.SIGTERM)
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
        """Close the descriptors, once: their numbers may be those of other files by the next call."""
        log, mark, self._log, self._mark = self._log, self._mark, None, None
        for descriptor in (log, mark):
            if descriptor is not None:
                os.close(descriptor)

    def _go_on(self, container: Container) -> Exit | None:
        if self._log is None:
            raise ValueError("a container sequence whose log is closed starts no more containers")
        self.number += 1
        self._container = container
        try:
            self._task = self._sandbox.start(container, log=self._log, mark=self._mark)
        except OSError as exc:
            os.write(self._log, f"{exc}\n".encode(errors="replace"))
            return Exit(code=1, started=False)
        return None
