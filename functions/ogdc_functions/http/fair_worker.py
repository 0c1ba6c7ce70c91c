"""A gunicorn worker whose threads work on requests only.

While all of its threads are busy, it leaves connections to other workers. Clients that send nothing, or only
a part of a request's head, do not hold a thread.
"""

from __future__ import annotations

from concurrent.futures import Future
from socket import socket
from time import monotonic
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

from ogdc_functions.http.cutting_off import Watchdog

if TYPE_CHECKING:
    from gunicorn.http import Request

    from ogdc_functions.http.cutting_off import Deadline

_PATIENCE = 0.05
"""Seconds for which a busy worker leaves a connection to the others."""
_SILENCE = 0.02
"""Seconds for which a thread waits for the first bytes of a new connection."""
_SILENT_SECONDS = 5.0
"""Seconds after which a connection without a first byte is closed. It has no thread by then."""
_HEAD_SECONDS = 5.0
"""Time limit for the head of a request, from its first bytes on."""
_watchdog = Watchdog()


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

    def handle(self, conn: TConn) -> object:
        """Answer a request. The connection goes back to the poller if the client has not sent anything."""
        if self.alive and not conn.initialized and not conn.wait_for_data(_SILENCE):
            return _DEFER
        with _watchdog.watching(conn.sock, _HEAD_SECONDS) as conn.head_deadline:
            return super().handle(conn)

    def handle_request(self, req: Request, conn: TConn) -> bool:
        """Answer a request whose head is complete. `body_limits` limits the time for its body."""
        deadline: Deadline = conn.head_deadline
        deadline.lift()
        return bool(super().handle_request(req, conn))

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
        if self.pending_conns and self.pending_conns[-1] is conn:
            conn.timeout = monotonic() + _SILENT_SECONDS

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
