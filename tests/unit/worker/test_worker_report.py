"""Reports of a task: whole lines, bounded messages, and no failure without a reader."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_shared.errors import InputError
from ogdc_worker.__main__ import _failed
from ogdc_worker.report import LAST_WORDS_BYTES, Reporter, clip


def test_an_event_is_one_json_line_with_its_time(capfd: pytest.CaptureFixture[str]) -> None:
    Reporter().event("fetched", name="a\nb é.tif", size=3)
    line = capfd.readouterr().out
    assert line.count("\n") == 1
    event = json.loads(line)
    assert event | {"time": None} == {"time": None, "event": "fetched", "name": "a\nb é.tif", "size": 3}
    age = datetime.now(UTC) - datetime.fromisoformat(event["time"])
    assert timedelta(seconds=-1) < age < timedelta(seconds=60)


def test_progress_is_what_argo_reads(tmp_path: Path) -> None:
    reporter = Reporter(progress_file=str(tmp_path / "progress"))
    reporter.progress(10, 12)
    reporter.progress(2, 4)
    assert (tmp_path / "progress").read_text() == "2/4\n"


def test_report_files_that_cannot_be_written_do_not_fail_the_task(tmp_path: Path) -> None:
    reporter = Reporter(progress_file=str(tmp_path / "no/where"), last_words_file=str(tmp_path / "no/where"))
    reporter.progress(1, 2)
    reporter.last_words("failed")
    assert list(tmp_path.iterdir()) == []


def test_last_words_fit_and_can_be_stored_in_postgresql(tmp_path: Path) -> None:
    reporter = Reporter(last_words_file=str(tmp_path / "words"))
    reporter.last_words("begin \0" + "é" * 5000 + " end \udcff")
    content = (tmp_path / "words").read_bytes()
    assert len(content) <= LAST_WORDS_BYTES
    text = content.decode()
    assert text.startswith("begin é")
    assert "end" in text
    assert "\0" not in text


@given(st.text(), st.integers(min_value=10, max_value=60))
def test_clipped_text_fits_and_short_text_is_kept(text: str, size: int) -> None:
    clipped = clip(text, size)
    assert len(clipped.encode()) <= size
    if len(text.encode(errors="replace")) <= size:
        assert clipped == text.encode(errors="replace").decode()


def test_a_warning_is_logged_whole_and_counted(capfd: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter()
    reporter.warn("no_data", "dem.tif holds\nnothing", path="dem.tif")
    event = json.loads(capfd.readouterr().out)
    assert event | {"time": None} == {
        "time": None,
        "event": "warning",
        "kind": "no_data",
        "message": "dem.tif holds\nnothing",
        "path": "dem.tif",
    }
    assert reporter.warnings is not None
    assert reporter.warnings.first[0].message == "dem.tif holds nothing"


def test_warnings_of_many_threads_are_all_counted_and_taken_once() -> None:
    reporter = Reporter()
    threads = [Thread(target=lambda: [reporter.warn("kind", "text") for _ in range(100)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reporter.warnings is not None
    assert reporter.warnings.total == 800
    taken = reporter.take_unrecorded()
    assert taken is not None
    assert taken.total == 800
    assert reporter.take_unrecorded() is None


def test_the_last_words_are_written_even_if_the_log_cannot_be(tmp_path: Path) -> None:
    class Unheard(Reporter):
        def event(self, event: str, **facts: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    words = tmp_path / "words"
    assert _failed(InputError("There is no such file."), Unheard(last_words_file=str(words))) == 1
    assert words.read_text() == "There is no such file."
