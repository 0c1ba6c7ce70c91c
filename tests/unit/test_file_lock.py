from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ogdc_shared.file_lock import lock_within, try_lock


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The same file, opened twice."""
    with ExitStack() as stack:
        opened = [os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2)]
        for file in opened:
            stack.callback(os.close, file)
        yield opened[0], opened[1]


def test_a_lock_has_one_holder(files: tuple[int, int]) -> None:
    one, other = files
    assert try_lock(one)
    assert not try_lock(other)
    assert not try_lock(other, shared=True)
    assert not lock_within(other, seconds=0, poll_seconds=0)


def test_a_waiting_process_gets_the_lock(files: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    from ogdc_shared import file_lock

    one, other = files
    assert try_lock(one)
    monkeypatch.setattr(file_lock.time, "sleep", lambda _: fcntl.flock(one, fcntl.LOCK_UN))
    assert lock_within(other, seconds=60)


def test_shared_locks_do_not_exclude_each_other(files: tuple[int, int]) -> None:
    assert all(try_lock(file, shared=True) for file in files)
