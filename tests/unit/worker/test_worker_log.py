"""Output of a task goes to stdout and, within limits, to a stored file."""

from __future__ import annotations

from pathlib import Path

import pytest

from ogdc_worker import log
from ogdc_worker.report import Reporter


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no other test's output in a file."""
    monkeypatch.setattr(log, "_kept", None)


def test_all_that_is_printed_is_kept_as_it_is(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log.keep(str(tmp_path / "task.log"))
    Reporter().event("resumed", after="x")
    log.write(b"one\xff\n" * 3)
    printed = capfd.readouterr().out
    assert printed.endswith("one\ufffd\n")
    assert (tmp_path / "task.log").read_bytes().decode(errors="replace") == printed


def test_the_log_of_an_earlier_container_is_kept(tmp_path: Path) -> None:
    (tmp_path / "task.log").write_bytes(b"fetched\n")
    log.keep(str(tmp_path / "task.log"))
    log.write(b"ran\n")
    assert (tmp_path / "task.log").read_bytes() == b"fetched\nran\n"


def test_a_long_log_is_kept_within_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "KEPT_BYTES", 10_000)
    log.keep(str(tmp_path / "task.log"))
    for number in range(3000):
        log.write(f"{number}\n".encode())
    lines = (tmp_path / "task.log").read_text().splitlines()
    assert (tmp_path / "task.log").stat().st_size <= 10_000
    assert (lines[0], lines[-1]) == ("0", "2999")
    assert any("bytes of this log are left out here: it may have 10000." in line for line in lines)


def test_without_a_log_file_only_the_pods_log_exists(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log.keep(str(tmp_path / "nowhere" / "task.log"))
    log.write(b"printed\n")
    assert capfd.readouterr().out == "printed\n"
