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
"""What psycopg waits with: yields what it waits for, is sent what came, and returns the result."""

STATEMENT_SECONDS = 8
"""After this the server ends a statement."""
_GRACE_SECONDS = 2.0
"""What an answer may take on its way; then a server that should have ended the statement counts as away."""


class LimitedConnection(Connection[TupleRow]):
    """Waits for each statement no longer than the server may work at it.

    The server's own limit is of no use where its processes are frozen, or the network swallows what they say.
    """

    _limited = True

    @contextmanager
    def unlimited(self) -> Iterator[None]:
        """Wait for statements as long as they take, as a migration does, which lifts the server's limit."""
        self._limited = False
        try:
            yield
        finally:
            self._limited = True

    def wait(self, gen: _Wait[_T], *args: Any, **kwargs: Any) -> _T:
        """See `Connection.wait`.

        Raises:
            OperationalError: the server did not answer in time; the connection is closed.
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
    """The server says nothing."""


def _until(deadline: float, gen: _Wait[_T]) -> _Wait[_T]:
    """Go on with `gen` until then; psycopg looks in every tenth of a second where nothing comes."""
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
