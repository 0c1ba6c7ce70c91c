"""Work in forked processes: results, failures and deaths."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from ogdc_shared import forks
from ogdc_shared.errors import CommandFailedError
from ogdc_shared.forks import forked, in_processes, shares_of


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_result_comes_from_another_process() -> None:
    with forked(lambda: (os.getpid(), os.getppid(), b"x" * 1_000_000)) as result:
        pid, parent, long = result()
    assert (parent, len(long)) == (os.getpid(), 1_000_000)
    assert pid != parent
    assert is_gone(pid)


def test_what_it_raises_is_raised_here() -> None:
    def fail() -> None:
        raise FileNotFoundError(errno.ENOENT, "no such file", "a.tif")

    with forked(fail) as result, pytest.raises(FileNotFoundError, match=r"a\.tif"):
        result()


def test_an_error_that_cannot_be_pickled_is_raised_with_its_text() -> None:
    def fail() -> None:
        raise CommandFailedError("a.tif is broken", number=1, exit_code=2)

    with forked(fail) as result, pytest.raises(RuntimeError, match=r"CommandFailedError: a\.tif is broken"):
        result()


def test_a_process_that_dies_while_it_answers_is_an_error_that_may_pass() -> None:
    reader, writer = os.pipe()

    def die_soon() -> bytes:
        os.write(writer, str(os.getpid()).encode())
        signal.setitimer(signal.ITIMER_REAL, 0.05)  # by then the pipe of the answer is full
        return b"x" * 1_000_000

    with forked(die_soon) as result:
        os.waitid(os.P_PID, int(os.read(reader, 20)), os.WEXITED | os.WNOWAIT)
        with pytest.raises(OSError, match="killed"):
            result()
    os.close(reader)
    os.close(writer)


def test_a_signal_that_is_ignored_does_not_end_the_process() -> None:
    def interrupted() -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        return True

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with forked(interrupted) as result:
            assert result()
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_death_of_the_process_is_an_error_that_may_pass() -> None:
    with (
        forked(lambda: os.kill(os.getpid(), signal.SIGKILL)) as result,
        pytest.raises(OSError, match="killed") as raised,
    ):
        result()
    assert raised.value.errno == errno.EAGAIN


def test_a_result_that_nobody_asks_for_is_not_waited_for() -> None:
    reader, writer = os.pipe()

    def hang() -> None:
        os.write(writer, str(os.getpid()).encode())
        signal.pause()

    with forked(hang):
        pid = int(os.read(reader, 20))
    os.close(reader)
    os.close(writer)
    assert is_gone(pid)


@pytest.mark.parametrize(
    ("size", "expected"), [(0, [0]), (3, [3]), (4, [2, 2]), (7, [3, 3, 1]), (99, [25] * 3 + [24])]
)
def test_shares_are_equal_and_as_many_as_are_worth_it(
    monkeypatch: pytest.MonkeyPatch, size: int, expected: list[int]
) -> None:
    monkeypatch.setattr(forks, "may_fork", lambda: True)
    monkeypatch.setattr(forks, "_processors", lambda: 64)
    shares = shares_of(range(size), least=2)
    assert [len(share) for share in shares] == expected
    assert [each for share in shares for each in share] == [*range(size)]


def test_functions_in_processes_run_at_once_and_give_their_results_in_order() -> None:
    reader, writer = os.pipe()

    def first() -> int:
        assert os.read(reader, 1) == b"x"
        return os.getpid()

    def second() -> int:
        os.write(writer, b"x")
        return os.getppid()

    assert in_processes(first, second) == [os.getpid()] * 2
    with pytest.raises(ZeroDivisionError):
        in_processes(lambda: 1, lambda: 1 // 0)
    os.close(reader)
    os.close(writer)


def test_there_is_one_share_if_this_process_may_not_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "may_fork", lambda: False)
    assert shares_of(range(99), least=2) == [range(99)]
