"""The checkpoint: what was recorded is found again, and only that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ogdc_shared.errors import UnavailableError
from ogdc_shared.run_warnings import one_warning
from ogdc_worker.lock import open_locked
from ogdc_worker.process.checkpoint import Checkpoint


def reopened(path: Path) -> list[str]:
    checkpoint = Checkpoint(str(path))
    checkpoint.close()
    return checkpoint.finished


def test_a_new_checkpoint_holds_nothing(tmp_path: Path) -> None:
    assert reopened(tmp_path / "checkpoint") == []


def test_recorded_steps_are_found_by_the_next_worker(tmp_path: Path) -> None:
    checkpoint = Checkpoint(str(tmp_path / "checkpoint"))
    checkpoint.record("fetch")
    checkpoint.record("run 1")
    checkpoint.close()
    assert reopened(tmp_path / "checkpoint") == ["fetch", "run 1"]


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_line_cut_short_does_not_count_and_harms_no_later_one(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "checkpoint"
    path.write_text("fetch\nrun 1\n"[:cut])
    whole = path.read_text().count("\n")
    checkpoint = Checkpoint(str(path))
    assert checkpoint.finished == ["fetch", "run 1"][:whole]
    checkpoint.record("next")
    checkpoint.close()
    assert reopened(path)[whole:] == ["next"]


def test_a_second_worker_is_kept_out_until_the_first_is_gone(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    first = open_locked(path)
    with pytest.raises(UnavailableError, match="Another worker"):
        open_locked(path, patience=0.2)
    os.close(first)
    os.close(open_locked(path, patience=0))


def test_a_step_is_recorded_together_with_its_warnings(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    checkpoint = Checkpoint(str(path))
    checkpoint.record_part("ran 0", one_warning("a", "first"))
    checkpoint.record("run 1", one_warning("b", "second\tpart"))
    checkpoint.record("run 2")
    checkpoint.close()
    checkpoint = Checkpoint(str(path))
    checkpoint.close()
    assert checkpoint.finished == ["run 1", "run 2"]
    assert checkpoint.warnings is not None
    assert [(each.kind, each.message) for each in checkpoint.warnings.first] == [
        ("a", "first"),
        ("b", "second part"),
    ]
