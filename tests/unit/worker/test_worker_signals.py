"""A signal ends a wait of the worker even if it arrives just before the wait starts."""

from __future__ import annotations

import os
import signal
import threading
from _thread import interrupt_main
from collections.abc import Iterator

import pytest

from ogdc_worker.fetch.threads import in_threads
from ogdc_worker.process.command import run_command


class StoppedError(Exception):
    """A signal's."""


@pytest.fixture
def end_of_test() -> Iterator[threading.Event]:
    """Set once the test is over; SIGTERM raises StoppedError until then."""

    def stop(_number: int, _frame: object) -> None:
        raise StoppedError

    before = signal.signal(signal.SIGTERM, stop)
    over = threading.Event()
    yield over
    over.set()
    signal.signal(signal.SIGTERM, before)


def signal_unnoticed(over: threading.Event) -> None:
    """Have the interpreter know of a signal once the main thread waits, without a system call that ends."""
    over.wait(0.3)
    interrupt_main(signal.SIGTERM)


def test_a_signal_ends_a_wait_for_inputs(end_of_test: threading.Event) -> None:
    outwaited: list[int] = []

    def fetch(number: int) -> None:
        signal_unnoticed(end_of_test)
        if not end_of_test.wait(10):
            outwaited.append(number)

    with pytest.raises(StoppedError):
        list(in_threads(fetch, 1, at_once=1))
    assert outwaited == []


def test_a_signal_ends_a_wait_for_a_command(end_of_test: threading.Event) -> None:
    outwaited: list[bytes] = []

    def run_and_signal() -> None:
        threading.Thread(target=signal_unnoticed, args=(end_of_test,)).start()
        run_command(
            "sleep 10; echo late", environment={"PATH": os.environ["PATH"]}, on_output=outwaited.append
        )

    with pytest.raises(StoppedError):
        run_and_signal()
    assert b"late\n" not in b"".join(outwaited)
