"""Work that takes too long is ended, and nothing else is."""

from __future__ import annotations

import threading
from itertools import pairwise

from ogdc_shared.deadlines import Deadlines

LONG = 3600.0


def test_only_what_takes_too_long_is_ended() -> None:
    deadlines, ended = Deadlines(), threading.Event()
    with deadlines.limit(LONG, lambda: None) as long, deadlines.limit(0.01, ended.set) as short:
        assert ended.wait(30)
        assert short.wait(30)
        assert not long.is_set()


def test_a_shorter_time_is_kept_while_a_longer_one_is_waited_for() -> None:
    deadlines, order = Deadlines(), []
    ends = [threading.Event() for _ in range(3)]

    def ended(number: int) -> None:
        order.append(number)
        ends[number].set()

    with (
        deadlines.limit(0.3, lambda: ended(0)),
        deadlines.limit(0.2, lambda: ended(1)),
        deadlines.limit(0.1, lambda: ended(2)),
    ):
        assert all(end.wait(30) for end in ends)
    assert all(later < earlier for earlier, later in pairwise(order))


def test_what_ended_in_time_is_left_alone_and_one_thread_serves_many() -> None:
    deadlines, ended = Deadlines(), threading.Event()
    before = threading.active_count()
    for _ in range(100):
        with deadlines.limit(LONG, lambda: None):
            assert threading.active_count() <= before + 1
    with deadlines.limit(0.01, ended.set):
        assert ended.wait(30)
