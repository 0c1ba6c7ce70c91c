"""Running a part of a long piece of work in a forked copy of this process, on another processor.

Threads would not help: the work consists of many short system calls, and Python runs one thread at a time.

Source: fork(2), prctl(2), pickle.
"""

from __future__ import annotations

import errno
import os
import pickle
import signal
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from ogdc_shared.prctl import SET_DEATH_SIGNAL, prctl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import NoReturn

_T = TypeVar("_T")


_MAX_SHARES = 4
"""Maximum number of processes for one piece of work."""


def may_fork() -> bool:
    """Whether a fork is safe, and another processor could run it."""
    return threading.active_count() == 1 and _processors() > 1


def shares_of(work: Sequence[_T], *, least: int) -> list[Sequence[_T]]:
    """Cut a list into equal parts, one for each process that should work on it.

    It is a single part if this process may not fork.

    Args:
        work: The list.
        least: Minimum number of items that are worth a process.
    """
    count = min(_processors(), _MAX_SHARES, len(work) // least) if may_fork() else 1
    size = -(-len(work) // max(count, 1))
    return [work[begin : begin + size] for begin in range(0, len(work), size)] if work else [work]


def in_processes(first: Callable[[], _T], *others: Callable[[], _T]) -> list[_T]:
    """Call functions at the same time, and return their results in order.

    The first one runs in this process, each of the others in a forked copy (see `forked`). An error of any of
    them ends the others.
    """
    with ExitStack() as stack:
        results = [stack.enter_context(forked(each)) for each in others]
        return [first(), *(result() for result in results)]


def _processors() -> int:
    """Return how many processors this process may use, or 1 if unknown, as on macOS, which has no prctl."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@contextmanager
def forked(work: Callable[[], _T]) -> Iterator[Callable[[], _T]]:
    """Run a function in a copy of this process, and yield a function that waits for its result.

    The result is pickled; whatever else the function changes in memory is lost. The copy is killed if the
    context is left before, or if this process ends.

    The yielded function raises what `work` raises, or OSError (EAGAIN) if the copy was killed.
    """
    reader, writer = os.pipe()
    parent, pid = os.getpid(), os.fork()
    if not pid:
        os.close(reader)
        _child(work, writer, parent)
    os.close(writer)
    ended = False

    def result() -> _T:
        nonlocal ended
        with open(reader, "rb", closefd=False) as file:
            answer = file.read()
        _, status = os.waitpid(pid, 0)
        ended = True
        if status:  # the answer may be incomplete
            raise OSError(errno.EAGAIN, "A process that did a part of the work was killed")
        value, error = pickle.loads(answer)  # noqa: S301  written by this program
        if error is not None:
            raise error
        found: _T = value
        return found

    try:
        yield result
    finally:
        os.close(reader)
        if not ended:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _child(work: Callable[[], object], writer: int, parent: int) -> NoReturn:
    """Run the function, send its result, and end without any cleanup of the copied process."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background of a script
                signal.signal(number, signal.SIG_DFL)
        prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() == parent:
            _send(work, writer)
            os._exit(0)
    finally:
        os._exit(1)


def _send(work: Callable[[], object], writer: int) -> None:
    try:
        answer = pickle.dumps((work(), None))
    except BaseException as exc:  # the caller's to handle
        answer = _pickled(exc)
    with open(writer, "wb") as file:
        file.write(answer)


def _pickled(error: BaseException) -> bytes:
    """Pickle an error, or only its text if it cannot be read again, as with required keyword arguments."""
    with suppress(Exception):
        answer = pickle.dumps((None, error))
        pickle.loads(answer)  # noqa: S301  written by this program
        return answer
    return pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}")))
