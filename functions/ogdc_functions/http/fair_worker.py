"""A gunicorn worker that leaves connections to other workers while all of its own threads are busy."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker


class FairWorker(ThreadWorker):  # type: ignore[misc]
    """Accepts a connection only if one of its threads is free to answer it.

    A connection stays with the worker that accepted it. Gunicorn's own worker accepts up to 1,000 and queues
    what its threads cannot answer, although another worker may be idle. Connections that no worker accepts
    wait in the listening socket's backlog, for the first worker with a free thread.

    Source: gunicorn, workers/gthread.py. `run` asks for `set_accept_enabled(True)` in each of its rounds
    while connections are not accepted, and each round accepts at most one.
    """

    _busy = 0
    """Connections that a thread works on."""

    def enqueue_req(self, conn: TConn) -> None:
        """Hand a connection to a thread."""
        self._busy += 1
        super().enqueue_req(conn)
        if not self._has_free_thread():
            self.set_accept_enabled(False)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Take a connection back from its thread."""
        self._busy -= 1
        super().finish_request(conn, fs)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or stop accepting connections."""
        super().set_accept_enabled(enabled and self._has_free_thread())

    def _has_free_thread(self) -> bool:
        return self._busy < int(self.cfg.threads)
