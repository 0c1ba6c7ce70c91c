"""A gunicorn worker that leaves connections to other workers while all of its own threads are busy."""

from __future__ import annotations

from concurrent.futures import Future
from socket import socket
from time import monotonic
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

_PATIENCE = 0.05
"""Seconds for which a busy worker leaves a connection to the others."""


class FairWorker(ThreadWorker):  # type: ignore[misc]
    """Accepts a connection at once only if one of its threads is free to answer it.

    A connection stays with the worker that accepted it. Gunicorn's own worker accepts up to 1,000 and queues
    what its threads cannot answer, although another worker may be idle. While all threads of this one are
    busy, it accepts a connection every 50 ms at most, which is what no other worker has accepted by then.
    When it stops, it accepts all connections that wait: the kernel resets them once no worker listens.

    Source: gunicorn, workers/gthread.py. `run` asks for `set_accept_enabled(True)` in each of its rounds
    while connections are not accepted, and each round accepts at most one.
    """

    _busy = 0
    """Connections that a thread works on, or is going to."""
    _accepts_from = 0.0
    """When connections are accepted although all threads are busy (`time.monotonic`)."""

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a connection to a thread."""
        self._busy += 1
        super().enqueue_req(conn)
        if self._accepting and not self._has_free_thread():
            self._accepts_from = monotonic() + _PATIENCE
            self.set_accept_enabled(False)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Take a connection back from its thread."""
        self._busy -= 1
        super().finish_request(conn, fs)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or stop accepting connections."""
        super().set_accept_enabled(enabled and (self._has_free_thread() or monotonic() >= self._accepts_from))
        if not self.alive:
            for listener in self.sockets:
                self._accept_all(listener)

    def _accept_all(self, listener: socket) -> None:
        """Accept the connections that wait at a listener, up to the limit of this worker's connections."""
        before = -1
        while before < self.nr_conns < self.worker_connections:
            before = self.nr_conns
            self.accept(listener)

    def _has_free_thread(self) -> bool:
        return self._busy < int(self.cfg.threads)
