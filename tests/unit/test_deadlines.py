"""Work that takes too long is ended, and nothing else is."""

from __future__ import annotations

import threading

from ogdc_shared.deadlines import Deadlines

LONG = 3600.0


def test_only_what_takes_too_long_is_ended() -> None:
    deadlines, ended = Deadlines(), threading.Event()
    with deadlines.limit(LONG, lambda: None) as long, deadlines.limit(0.01, ended.set) as short:
        assert ended.wait(60)
        assert short.wait(60)
        assert not long.is_set()


def test_a_shorter_time_is_kept_while_longer_ones_are_waited_for() -> None:
    deadlines, ended = Deadlines(), []
    with deadlines.limit(LONG, lambda: ended.append(LONG)):
        for number in range(3):
            short = threading.Event()
            with deadlines.limit(LONG / 2, lambda: ended.append(LONG / 2)), deadlines.limit(0.01, short.set):
                assert short.wait(60), number
    assert ended == []


def test_what_ended_in_time_is_left_alone_and_one_thread_serves_many() -> None:
    deadlines, ended = Deadlines(), threading.Event()
    before = threading.active_count()
    for _ in range(100):
        with deadlines.limit(LONG, lambda: None):
            assert threading.active_count() <= before + 1
    with deadlines.limit(0.01, ended.set):
        assert ended.wait(60)
