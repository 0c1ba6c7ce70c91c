from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogdc_cli.tasklog import LogSummary, described, plain, read_line


def event(kind: str, /, *, time: str = "2026-01-01", task: str = "process-1", **facts: object) -> str:
    return f"[{task}] {json.dumps({'time': time, 'event': kind} | facts)}"


def command(number: int, text: str, *, time: str) -> str:
    return event("command_started", time=time, number=number, of=3, line=number, command=text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            event("fetched", source="http://x/a", name="a.csv", size=12, seconds=1.0),
            "fetched a.csv (12 B)",
        ),
        (
            event("listed", partitions=2, files=4, bytes=457, seconds=0.1),
            "listed the inputs: 4 files (457 B) in 2 partitions",
        ),
        (
            event("listed", partitions=1, files=1, bytes=0, seconds=0.1),
            "listed the inputs: 1 file in 1 partition",
        ),
        (
            event("command_finished", number=1, of=2, line=2, file="/input_dir/a/b.gpkg", seconds=0.5),
            "command 1 of 2 (a/b.gpkg) finished after 0.5 s",
        ),
        (event("outputs_checked", files=1, of=1), "checked 1 output with GDAL"),
        (event("outputs_checked", files=200, of=1340), "checked 200 of 1,340 outputs with GDAL"),
        (event("reused", partitions=0, of=1, begun=0), "reused nothing from earlier runs"),
        (
            event("reused", partitions=2, of=4, begun=1),
            "reused 2 of 4 partitions from earlier runs, and the first commands of 1 partition",
        ),
        (command(2, "cp   a\n b", time="t"), "command 2 of 3: cp a b"),
        (
            event("command_failed", number=1, of=3, line=1, exit_code=9, seconds=0.5, timed_out=False),
            "command 1 of 3 failed with exit code 9 after 0.5 s",
        ),
        (
            event("fetch_delayed", source="http://x/a", reason="refused", attempt=2, of=6, seconds=1.0),
            "http://x/a: refused; trying again in 1.0 s (2 of 6)",
        ),
        (event("brand_new", place="x"), "brand new place=x"),
        (event("fetched", colour="red"), "fetched colour=red"),
        ("[process-1] gdalwarp printed this", "gdalwarp printed this"),
        ("no task at all", "no task at all"),
        ('[process-1] {"time": "x", "no": "event"}', '{"time": "x", "no": "event"}'),
        ('[process-1] {"time": [', '{"time": ['),
        ('[process-1] {"event": "failed"}', '{"event": "failed"}'),
    ],
)
def test_events_are_described_in_words(line: str, words: str) -> None:
    assert described(read_line(line)) == words


def test_values_in_an_event_are_no_format() -> None:
    line = event("command_started", number="{of}", of="{command.__class__}", line=1, command="{0}{secret!r}")
    assert described(read_line(line)) == "command {of} of {command.__class__}: {0}{secret!r}"


CONTROL = {chr(code) for code in [*range(9), *range(11, 32), *range(127, 160)]}


@given(st.text())
def test_any_line_is_shown_without_control_characters(text: str) -> None:
    shown = described(read_line(text))
    assert not set(shown) & CONTROL


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_any_json_that_a_command_prints_is_shown_without_control_characters(entry: dict[str, object]) -> None:
    line = f"[t] {json.dumps({'time': 't', 'event': 'published'} | entry)}"
    shown = [described(read_line(line)), *(step.text for step in LogSummary().update(line))]
    assert not set("".join(shown)) & CONTROL


def test_a_line_that_overwrote_itself_shows_its_last_state() -> None:
    assert plain("10%\r20%\r\n30%\r") == "20%\n30%"


def test_colours_are_removed_and_other_control_sequences_escaped() -> None:
    line = "[process-1] \x1b[1;31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\x9b5n"
    assert described(read_line(line)) == r"red \x1b]0;title\x07 \x1b[2J\x9b5n"


def test_a_line_that_is_nested_too_deep_to_be_read_is_shown_as_it_is() -> None:
    text = '{"time": ' + "[" * 60_000
    assert described(read_line(f"[process-1] {text}")) == text


def news(summary: LogSummary, log: str) -> list[str]:
    return [step.text for step in summary.update(log)]


def test_story_tells_each_step_once_however_often_it_is_read() -> None:
    summary = LogSummary()
    log = [
        event("fetched", time="1", name="a", size=1),
        event("fetched", time="1", name="b", size=1),
        command(1, "first", time="1"),
    ]
    assert news(summary, "\n".join(log)) == [
        "fetched a (1 B)",
        "fetched b (1 B)",
        "command 1 of 3: first",
    ]
    log += ["[process-1] chatter", event("command_finished", time="2", number=1, of=3, seconds=1)]
    log += [command(2, "second", time="3"), "[process-1] \x1b[1mbold\x1b[0m  "]
    assert news(summary, "\n".join(log[2:])) == ["command 2 of 3: second"]
    assert (summary.step, summary.last) == ("command 2 of 3: second", "bold")
    assert news(summary, "\n".join(log)) == []


def test_story_tells_the_end_of_the_last_command_and_of_no_other() -> None:
    ends = [event("command_finished", time=str(n), number=n, of=2, seconds=n) for n in (1, 2)]
    assert news(LogSummary(), "\n".join(ends)) == ["command 2 of 2 finished after 2 s"]


def test_story_keeps_tasks_apart() -> None:
    summary = LogSummary()
    summary.update(event("published", time="9", task="publish-1", output="pvc"))
    assert news(summary, event("resumed", time="1", task="process-2", after="place")) == [
        "continues after fetching its inputs"
    ]


def test_reused_partitions_are_counted() -> None:
    log = [
        event("reused", time="1", task="reuse", partitions=3, of=3, begun=0),
        event("reused", time="2", task="reuse", partitions=1, of=3, begun=2),
        event("resumed", time="3", task="process-2", after="run 1"),
        event("resumed", time="4", task="process-3", after="hand on 2"),
        event("resumed", time="5", task="process-4", after="check"),
    ]
    assert news(LogSummary(), "\n".join(log)) == [
        "reused 3 of 3 partitions from earlier runs",
        "reused 1 of 3 partitions from earlier runs, and the first commands of 2 partitions",
        "continues after command 1",
        "continues after command 2",
        "continues after the last command",
    ]


def test_known_steps_are_no_news_even_after_their_task_got_its_name() -> None:
    before = command(1, "first", time="1")
    summary = LogSummary(before)
    assert summary.step == ""
    steps = summary.update(f"{before.replace('process-1', 'process/0')}\n{command(2, 'second', time='3')}")
    assert [(step.text, step.time) for step in steps] == [("command 2 of 3: second", "3")]


def test_output_of_a_command_is_dropped_after_its_step() -> None:
    summary = LogSummary()
    summary.update("[p] words\n\n")
    assert summary.last == "words"
    summary.update(command(1, "next", time="1"))
    assert summary.last == ""


def test_a_warning_is_shown_once_and_is_not_a_step() -> None:
    summary = LogSummary()
    begun = '{"time": "10:00", "event": "command_started", "number": 1, "of": 1, "command": "x"}'
    warned = '{"time": "10:01", "event": "warning", "kind": "k", "message": "no\\nCRS"}'
    assert news(summary, begun) == ["command 1 of 1: x"]
    assert news(summary, f"{begun}\n{warned}") == ["warning: no CRS"]
    assert news(summary, f"{begun}\n{warned}") == []
    assert summary.step == "command 1 of 1: x"
