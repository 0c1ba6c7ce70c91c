"""A PostgreSQL connection that gives up on a server that does not respond."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TypeVar

from psycopg import Connection, OperationalError
from psycopg.rows import TupleRow

_T = TypeVar("_T")
_Wait = Generator[Any, Any, _T]
"""Psycopg's wait generator: yields events to wait for, receives those that occurred, returns a result."""

STATEMENT_SECONDS = 8
"""The server cancels a statement after this time."""
_GRACE_SECONDS = 2.0
"""Additional time for the response; then the server is considered unreachable."""


class LimitedConnection(Connection[TupleRow]):
    """Limits on the client's side how long a statement may take.

    The server's statement_timeout does not help if its processes are frozen or the network drops its
    messages.
    """

    _limited = True

    @contextmanager
    def unlimited(self) -> Iterator[None]:
        """Lift the limit, as for migrations, which also lift the server's."""
        self._limited = False
        try:
            yield
        finally:
            self._limited = True

    def wait(self, gen: _Wait[_T], *args: Any, **kwargs: Any) -> _T:
        """Override `Connection.wait` with a deadline.

        Raises:
            OperationalError: the server did not respond in time; the connection is closed.
        """
        if not self._limited:
            return super().wait(gen, *args, **kwargs)
        try:
            deadline = monotonic() + STATEMENT_SECONDS + _GRACE_SECONDS
            return super().wait(_until(deadline, gen), *args, **kwargs)
        except _SilenceError:
            self.pgconn.finish()
            raise


class _SilenceError(OperationalError):
    """The server did not respond in time."""


def _until(deadline: float, gen: _Wait[_T]) -> _Wait[_T]:
    """Run `gen` until `deadline`. While nothing arrives, psycopg resumes this every tenth of a second."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and monotonic() > deadline:
                raise _SilenceError("the server has not answered for too long")
            wanted = gen.send(ready)
    except StopIteration as done:
        result: _T = done.value
        return result
