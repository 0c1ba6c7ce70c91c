"""A connection pool that fails fast and recovers at once (docs/decisions/0006-own-connection-pool.md)."""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from time import monotonic

from psycopg import OperationalError
from psycopg.pq import TransactionStatus

from ogdc_shared.db.connection import LimitedConnection

_IDLE_SECONDS = 600.0
"""Connections that were idle for longer are closed, before a firewall drops them."""


class PoolBusyError(OperationalError):
    """All connections are in use."""


class Pool:
    """At most `size` connections, each lent to one thread at a time, most recently used first.

    A thread that finds none idle opens one itself. So it notices at once if the server rejects connections,
    and if it accepts them again. `connect` receives the seconds it may take; `on_wait` receives the seconds
    it took to get a connection.
    """

    def __init__(
        self,
        connect: Callable[[float], LimitedConnection],
        *,
        size: int,
        timeout: float,
        on_wait: Callable[[float], None] | None = None,
    ) -> None:
        self._connect = connect
        self._timeout = timeout
        self._on_wait = on_wait
        self._slots = BoundedSemaphore(size)
        self._idle: deque[tuple[float, LimitedConnection]] = deque()

    @contextmanager
    def lend(self, *, patience: float | None = None) -> Iterator[LimitedConnection]:
        """Lend a connection that is outside any transaction.

        Args:
            patience: Seconds to wait for a free connection, or None for the pool's timeout.

        Raises:
            PoolBusyError: none became free in time.
            OperationalError: none could be opened in time.
        """
        begun = monotonic()
        patience = self._timeout if patience is None else patience
        if not self._slots.acquire(timeout=patience):
            raise PoolBusyError(f"all connections have been in use for {patience:g} seconds")
        try:
            conn = self._reuse() or self._connect(begun + self._timeout - monotonic())
            if self._on_wait is not None:
                self._on_wait(monotonic() - begun)
            try:
                yield conn
            finally:
                self._take_back(conn)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Close all idle connections."""
        self._close_unused_since(monotonic())

    def _reuse(self) -> LimitedConnection | None:
        while self._idle:
            try:
                _, conn = self._idle.pop()
            except IndexError:  # another thread took it
                break
            if not _has_news(conn):
                return conn
            conn.close()
        return None

    def _take_back(self, conn: LimitedConnection) -> None:
        now = monotonic()
        if conn.pgconn.transaction_status == TransactionStatus.IDLE:
            self._idle.append((now, conn))
        else:
            conn.close()
        self._close_unused_since(now - _IDLE_SECONDS)

    def _close_unused_since(self, when: float) -> None:
        while self._idle:
            try:
                since, conn = self._idle.popleft()
            except IndexError:
                break
            if since > when:
                self._idle.appendleft((since, conn))
                break
            conn.close()


def _has_news(conn: LimitedConnection) -> bool:
    """Whether an idle connection has data to read, which nearly always means that the server closed it.

    Unlike a query, this needs no round trip.
    """
    poller = select.poll()
    poller.register(conn.fileno(), select.POLLIN)
    return bool(poller.poll(0))
