from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_cli.logview import show
from ogdc_cli.tasklog import described, read_line

EVENT = json.dumps({"time": "t", "event": "published", "output": "pvc"})


def lines(*texts: str) -> bytes:
    return "".join(f"[process-1] {text}\n" for text in texts).encode()


def test_output_lines_are_unchanged_and_worker_events_are_described(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show([lines("plain", "\tcaf\u00e9"), lines("10%\r20%", "\x1b[1mbold\x1b[0m"), lines(EVENT)], raw=False)
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        f"[process-1] {text}" for text in ("plain", "\tcaf\u00e9", "20%", "bold", "published (pvc)")
    ]


def test_raw_lines_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    show([lines(EVENT, "\x1b]0;x\x07")], raw=True)
    assert capsys.readouterr().out == f"[process-1] {EVENT}\n[process-1] \\x1b]0;x\\x07\n"


@given(st.lists(st.text(st.characters(exclude_characters="\n", codec="utf-8")), min_size=1))
def test_a_block_is_shown_like_its_lines(texts: list[str]) -> None:
    import io
    from contextlib import redirect_stdout

    with redirect_stdout(io.StringIO()) as out:
        show(["".join(f"{text}\n" for text in texts).encode()], raw=False)
    rendered = []
    for text in texts:
        read = read_line(text)
        rendered.append(f"[{read.task}] {described(read)}" if read.task else described(read))
    assert out.getvalue() == "\n".join(rendered) + "\n"
