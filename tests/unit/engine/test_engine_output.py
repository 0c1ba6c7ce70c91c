"""What pods print comes into their logs whole, in order, and within the limit."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ogdc_local.engine import output
from ogdc_local.engine.logs import read_logs
from ogdc_local.engine.output import Output, mark_of
from ogdc_shared.argo.pod_names import pod_name
from ogdc_shared.bounded_log import BoundedLog

MIB = 1024 * 1024


def printed(path: Path, *pieces: bytes, limit: int = MIB, resumed: bool = False) -> bytes:
    """The log of a pod that prints these pieces."""
    pod = Output(path, limit=limit, resumed=resumed)
    for piece in pieces:
        view = memoryview(piece)
        while view:
            view = view[os.write(pod.writer, view) :]
    pod.release()
    pod.finish()
    return path.read_bytes()


@given(st.lists(st.binary(max_size=300_000), max_size=8))
def test_a_log_within_the_limit_is_unchanged(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    log = tmp_path_factory.mktemp("log") / "a.log"
    assert printed(log, *pieces, limit=8 * MIB) == b"".join(pieces)
    assert not mark_of(log).exists()


@pytest.mark.slow
def test_a_long_log_keeps_its_beginning_and_end_and_counts_the_rest(tmp_path: Path) -> None:
    lines = [f"line {number:08}\n".encode() for number in range(700_000)]
    kept = printed(tmp_path / "a.log", *(b"".join(lines[i : i + 5000]) for i in range(0, 700_000, 5000)))
    assert len(kept) <= 2 * MIB
    assert kept.startswith(b"".join(lines[:1000]))
    assert kept.endswith(b"".join(lines[-1000:]))
    (left_out,) = re.findall(rb"\n\[ogdc-runner\] (\d+) bytes of this log are left out here: .*\n", kept)
    mark = next(line for line in kept.split(b"\n") if line.startswith(b"[ogdc-runner]"))
    assert len(kept) - len(mark) - 2 + int(left_out) == sum(map(len, lines))


def test_a_log_is_continued_where_a_pod_was_killed_and_kept_over_another_try(tmp_path: Path) -> None:
    assert printed(tmp_path / "a.log", b"one\n") == b"one\n"
    assert printed(tmp_path / "a.log", b"two\n", resumed=True) == b"one\ntwo\n"
    kept = printed(tmp_path / "a.log", b"three\n")
    assert kept == b"one\ntwo\n[ogdc-runner] What follows is of another try.\nthree\n"


def test_a_pod_that_may_still_live_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_LEFTOVER_SECONDS", 0.1)
    alive = Output(tmp_path / "a.log", limit=MIB, resumed=False)
    held = os.dup(alive.mark)
    alive.release()
    with pytest.raises(OSError, match="does not end"):
        Output(tmp_path / "a.log", limit=MIB, resumed=True)
    os.close(held)
    assert printed(tmp_path / "a.log", b"x", resumed=True) == b"x"


def test_a_full_disk_loses_log_lines_but_not_the_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    room = 2

    def pwrite(file: int, content: bytes, offset: int) -> int:
        nonlocal room
        room -= 1
        if room in {0, -1}:
            raise OSError(28, "No space left on device")
        return real(file, content, offset)

    log = BoundedLog(str(tmp_path / "a.log"), limit=MIB)
    monkeypatch.setattr(os, "pwrite", pwrite)
    for piece in (b"one\n", b"two\n", b"three\n", b"four\n", b"five\n"):
        log.write(memoryview(piece))
    log.close()
    assert b"bytes were lost: no room" in (tmp_path / "a.log").read_bytes()
    assert (tmp_path / "a.log").read_bytes().endswith(b"four\nfive\n")


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=60), st.integers(1, 70))
def test_logs_are_read_unchanged_in_any_chunks(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], tail: int
) -> None:
    import json

    from ogdc_local.engine import logs

    log = tmp_path_factory.mktemp("log") / "a.log"
    log.write_bytes(b"\n".join(lines))
    content = log.read_bytes().removesuffix(b"\n").decode(errors="replace")
    expected = [line.rstrip("\r") for line in content.split("\n")] if log.stat().st_size else []
    kept, logs._PIECE = logs._PIECE, 64
    try:
        for query, wanted in (({}, expected), ({"logOptions.tailLines": str(tail)}, expected[-tail:])):
            found, text = (
                b"".join(
                    read_logs(
                        "w", pods=[("id", "n", "t")], path_of=lambda *_: log, query=query, as_text=as_text
                    )
                )
                for as_text in (False, True)
            )
            entries = [json.loads(line)["result"] for line in found.splitlines()]
            assert [entry["content"] for entry in entries] == wanted
            task = pod_name("w", node="n", template="t").removeprefix("w-")
            assert text.decode() == "".join(f"[{task}] {line}\n" for line in wanted)
    finally:
        logs._PIECE = kept
